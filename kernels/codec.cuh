// All a codec.cu includes. A codec is a struct template over the element type:
//
//     SIGN_OF_OUTPUT        whether the sign is read off the output
//     SUMS_OUTPUT           whether the slope gradient is summed over the output, else over the words
//     Words                 a group's words in registers
//     encode(x)             the words of a group
//     positive(words, lane, y), basis(words, lane, y)
//     load(access, words, element, count), store(access, own, words, element, count)
//                           the words of elements `element ..` of the class, a multiple of GROUP;
//                           `count` of them, which is GROUP and aligned where Access::WHOLE
//     is_aligned            whether whole groups may be loaded and stored from that element on
//     pad                   fills what the last word holds beyond the class's end
#pragma once

#include "backward.cuh"
#include "finish.cuh"
#include "forward.cuh"

/// The kernels of a codec for the element PRELU_MEM_ELEMENT.
#define PRELU_MEM_CODEC_KERNELS(Codec)                                                           \
    PRELU_MEM_FORWARD(Codec)                                                                     \
    PRELU_MEM_BACKWARD(Codec)                                                                    \
    PRELU_MEM_FINISH()
