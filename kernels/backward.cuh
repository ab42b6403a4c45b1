// Backward: one pass that overwrites the upstream gradient with the input gradient.
//
//     for each block, in parallel, for each of its threads:
//         for each row of the block, the thread's eight columns:
//             positive, basis = codec.decode(words, y)
//             sum[column] += g * basis where not positive          (learned slopes only)
//             g = g * (1 if positive else slope)
//         partial[member] = the sums of the member's columns, in a fixed order
//
// Departures: those of forward.cuh; and the input gradient may be written elsewhere, also over the
// words: a thread reads all it needs of its rows before it writes to them.
#pragma once

#include "elements.cuh"
#include "partials.cuh"
#include "place.cuh"

namespace prelu_mem {

template <class Element, class Codec, bool LEARNED>
struct BackwardLoop {
    using Storage = typename Element::Storage;
    using Wide = typename Element::Wide;
    using Sum = typename Element::Sum;
    static constexpr bool READS_OUTPUT = Codec::SIGN_OF_OUTPUT || (LEARNED && Codec::SUMS_OUTPUT);

    const Backward& arguments;
    const Wide (&slopes)[GROUP];
    Sum (&sums)[GROUP];

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
            words[row] = Codec::template load<Access::WHOLE>(arguments.words, own.element, count);
            access.load(static_cast<const Storage*>(arguments.upstream), own.offset, count, g[row]);
            if constexpr (READS_OUTPUT) {
                access.load(static_cast<const Storage*>(arguments.output), own.offset, count,
                            y[row]);
            }
        }
#pragma unroll
        for (u32 row = 0; row < ROWS; ++row) {
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                const Storage output = READS_OUTPUT ? y[row][lane] : Storage(0);
                const bool positive = Codec::positive(words[row], lane, output);
                const Wide wide = Element::widen(g[row][lane]);
                if constexpr (LEARNED) {
                    // Lanes behind the end hold zeroes.
                    const Storage basis = Codec::basis(words[row], lane, output);
                    Element::add(sums[lane], positive, wide, Element::widen(basis));
                }
                g[row][lane] = Element::narrow(wide * (positive ? Wide(1) : slopes[lane]));
            }
            access.store(static_cast<Storage*>(arguments.gradient), at.down(shape, row).offset,
                         count, g[row]);
        }
    }
};

template <class Element, class Codec, bool LEARNED>
PRELU_MEM_DEVICE void backward_rows(const Backward& arguments, const Place& place, double* shared,
                                    typename Element::Sum (&sums)[GROUP]) {
    using Storage = typename Element::Storage;
    using Loop = BackwardLoop<Element, Codec, LEARNED>;
    const Shape& shape = arguments.shape;
    if (place.is_empty()) return;
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
    walk<Element::ROWS>(shape, place, fast, shared, loop);
}

template <class Element, class Codec>
PRELU_MEM_DEVICE void backward_block(const Backward& arguments,
                                     const Shared<typename Element::Sum>& shared) {
    using Sum = typename Element::Sum;
    const Shape& shape = arguments.shape;
    const Block block = Block::own(shape);
    const Place place = Place::own(shape, block);
    Sum sums[GROUP];
#pragma unroll
    for (u32 lane = 0; lane < GROUP; ++lane) sums[lane] = Sum::zero();
    if (arguments.partials == nullptr) {
        backward_rows<Element, Codec, false>(arguments, place, shared.columns, sums);
        return;
    }
    if (threadIdx.x == 0) *shared.first = place.first;
    const u32 cut = place.first.cut(shape);
    backward_rows<Element, Codec, true>(arguments, place, shared.columns, sums);
    write_partials(shape, block, cut, sums, shared, static_cast<Sum*>(arguments.partials));
}

}  // namespace prelu_mem

/// The kernel `backward` of a codec.
#define PRELU_MEM_BACKWARD(Codec)                                                                \
    PRELU_MEM_KERNEL(backward, prelu_mem::Backward,                                              \
                     prelu_mem::elements::PRELU_MEM_ELEMENT::BLOCKS) {                           \
        using Element = prelu_mem::elements::PRELU_MEM_ELEMENT;                                  \
        PRELU_MEM_SHARED(double, columns, prelu_mem::SHARED_COLUMNS * Element::Sum::PARTS);      \
        PRELU_MEM_SHARED(Element::Sum, warps, prelu_mem::WARPS);                                 \
        PRELU_MEM_SHARED(prelu_mem::Column, first, 1);                                           \
        prelu_mem::backward_block<Element, Codec<Element>>(arguments, {columns, warps, first});  \
    }
