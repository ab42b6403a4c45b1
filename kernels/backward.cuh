// Backward: one pass that overwrites the upstream gradient with the input gradient.
//
//     for each block, in parallel, for each of its threads:
//         for each row of the block, the thread's eight columns:
//             positive, basis = codec.decode(words, y)
//             add g * basis to the thread's sums where not positive (thread_sums.cuh; learned slopes only)
//             g = g * (1 if positive else slope)
//         partial[member] = the sums of the member's columns, in a fixed order
//     the last block to get here: slope gradient[channel] += sum of partials / divisor
//
// Departures: those of forward.cuh; and the input gradient may be written elsewhere, also over the
// words: a thread reads all it needs of its rows before it writes to them.
#pragma once

#include "elements.cuh"
#include "finish.cuh"
#include "partials.cuh"
#include "place.cuh"
#include "thread_sums.cuh"

namespace prelu_mem {

template <class Element, class Codec, class Sums>
struct BackwardLoop {
    using Storage = typename Element::Storage;
    using Wide = typename Element::Wide;
    static constexpr bool READS_OUTPUT =
        Codec::SIGN_OF_OUTPUT || (Sums::LEARNED && Codec::SUMS_OUTPUT);

    const Backward& arguments;
    const Wide (&slopes)[GROUP];
    Sums& sums;

    /// `ROWS` rows from `at` on; `count` elements of each group.
    template <u32 ROWS, class Access>
    PRELU_MEM_DEVICE void rows(const Access& access, Position at, u32 count) const {
        const Shape& shape = arguments.shape;
        Storage g[ROWS][GROUP];
        Storage y[ROWS][GROUP];
        typename Codec::Words words[ROWS];
#pragma unroll
        for (u32 row = 0; row < ROWS; ++row) {
            const Position own = at.down(shape, row);
            words[row] = Codec::load(access, arguments.words, own.element, count);
            access.load(static_cast<const Storage*>(arguments.upstream), own.offset, count, g[row]);
            if constexpr (READS_OUTPUT) {
                access.load(static_cast<const Storage*>(arguments.output), own.offset, count,
                            y[row]);
            }
        }
#pragma unroll
        for (u32 row = 0; row < ROWS; ++row) {
            bool positive[GROUP];
            Wide wide[GROUP], basis[GROUP];
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                const Storage output = READS_OUTPUT ? y[row][lane] : Storage(0);
                positive[lane] = Codec::positive(words[row], lane, output);
                wide[lane] = Element::widen(g[row][lane]);
                basis[lane] = Element::widen(Codec::basis(words[row], lane, output));
            }
            // Lanes behind the end hold zeroes.
            sums.add_row(positive, wide, basis);
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                g[row][lane] =
                    Element::narrow(wide[lane] * (positive[lane] ? Wide(1) : slopes[lane]));
            }
            access.store(static_cast<Storage*>(arguments.gradient), at.down(shape, row).offset,
                         count, g[row]);
        }
    }
};

template <class Element, class Codec, class Sums>
PRELU_MEM_DEVICE void backward_rows(const Backward& arguments, const Place& place, double* shared,
                                    Sums& sums) {
    using Storage = typename Element::Storage;
    using Loop = BackwardLoop<Element, Codec, Sums>;
    const Shape& shape = arguments.shape;
    typename Element::Wide slopes[GROUP];
    place.slopes(shape, arguments.slopes, slopes);
    const u64 offset = place.start.offset;
    bool fast = place.contiguous && Codec::is_aligned(arguments.words, place.start.element) &&
                is_aligned(static_cast<const Storage*>(arguments.upstream) + offset) &&
                is_aligned(static_cast<const Storage*>(arguments.gradient) + offset);
    if (Loop::READS_OUTPUT) {
        fast = fast && is_aligned(static_cast<const Storage*>(arguments.output) + offset);
    }
    const Loop loop{arguments, slopes, sums};
    walk<Element, false>(shape, place, fast, shared, loop);
}

template <class Element, class Codec, class Sums>
PRELU_MEM_DEVICE void backward_block(const Backward& arguments,
                                     const Shared<typename Element::Sum>& shared) {
    using Sum = typename Element::Sum;
    const Shape& shape = arguments.shape;
    const Block block = Block::own(shape);
    const Place place = Place::own(shape, block);
    if (arguments.ending.partials == nullptr) {
        NoSums none;
        backward_rows<Element, Codec>(arguments, place, shared.columns, none);
        return;
    }
    if (threadIdx.x == 0) *shared.first = place.first;
    Sums sums(place.first.cut(shape));
    backward_rows<Element, Codec>(arguments, place, shared.columns, sums);
    write_partials(shape, block, sums, shared, static_cast<Sum*>(arguments.ending.partials));
    if (arguments.arrived != nullptr && is_last(arguments.arrived, shared.last)) {
        finish_all(shape, arguments.ending, shared.warps);
    }
}

}  // namespace prelu_mem

#define PRELU_MEM_BACKWARD_BY(name, Codec, NARROW)                                               \
    PRELU_MEM_KERNEL(name, prelu_mem::Backward,                                                  \
                     prelu_mem::elements::PRELU_MEM_ELEMENT::BLOCKS) {                           \
        using Element = prelu_mem::elements::PRELU_MEM_ELEMENT;                                  \
        if constexpr (!NARROW || prelu_mem::BY_RUNS<Element>) {                                  \
            PRELU_MEM_SHARED(double, columns, prelu_mem::SHARED_COLUMNS * Element::Sum::PARTS);  \
            PRELU_MEM_SHARED(Element::Sum, warps, prelu_mem::WARPS);                             \
            PRELU_MEM_SHARED(prelu_mem::Column, first, 1);                                       \
            PRELU_MEM_SHARED(u32, last, 1);                                                      \
            using Sums = prelu_mem::SumsOf<Element, NARROW>::Type;                               \
            prelu_mem::backward_block<Element, Codec<Element>, Sums>(                            \
                arguments, {columns, warps, first, last});                                       \
        }                                                                                        \
    }

/// The kernels `backward` and `backward_columns` of a codec. The second one is for two-byte elements whose members are
/// narrower than a thread's columns, and empty for others.
#define PRELU_MEM_BACKWARD(Codec)                                                                \
    PRELU_MEM_BACKWARD_BY(backward, Codec, false)                                                \
    PRELU_MEM_BACKWARD_BY(backward_columns, Codec, true)
