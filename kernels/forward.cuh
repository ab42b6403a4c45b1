// Forward: one pass that saves and overwrites.
//
//     for each block, in parallel, for each of its threads:
//         for each row of the block, the thread's eight columns:
//             words = codec.encode(x)
//             x = x * (1 if x > 0 else slope)
//
// Departures: (1) the loads of several rows are issued before the first of them is used; (2) groups
// that are cut off, not side by side or not aligned go element by element; (3) the factor is
// selected, never the product: an infinite slope does not touch positive elements.
#pragma once

#include "elements.cuh"
#include "place.cuh"

namespace prelu_mem {

template <class Element, class Codec>
struct ForwardLoop {
    using Storage = typename Element::Storage;
    using Wide = typename Element::Wide;

    const Forward& arguments;
    const Wide (&slopes)[GROUP];

    /// `ROWS` rows from `at` on; `count` elements of each group.
    template <u32 ROWS, class Access>
    PRELU_MEM_DEVICE void rows(const Access& access, Position at, u32 count) const {
        const Shape& shape = arguments.shape;
        Storage* const tensor = static_cast<Storage*>(arguments.x);
        Storage x[ROWS][GROUP];
#pragma unroll
        for (u32 row = 0; row < ROWS; ++row) {
            access.load(tensor, at.down(shape, row).offset, count, x[row]);
        }
#pragma unroll
        for (u32 row = 0; row < ROWS; ++row) {
            const Position own = at.down(shape, row);
            access.settle(x[row]);
            Codec::store(access, Codec::encode(x[row]), arguments.words, own.element, count);
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                const Wide factor = Element::positive(x[row][lane]) ? Wide(1) : slopes[lane];
                x[row][lane] = Element::narrow(Element::widen(x[row][lane]) * factor);
            }
            access.store(tensor, own.offset, count, x[row]);
        }
    }
};

template <class Element, class Codec>
PRELU_MEM_DEVICE void forward_block(const Forward& arguments, double* shared) {
    const Shape& shape = arguments.shape;
    if (blockIdx.x == 0 && threadIdx.x == 0) Codec::pad(arguments.words, shape.elements);
    const Place place = Place::own(shape, Block::own(shape));
    typename Element::Wide slopes[GROUP];
    place.slopes(shape, arguments.slopes, slopes);
    const auto* x = static_cast<const typename Element::Storage*>(arguments.x);
    const bool fast = place.contiguous && is_aligned(x + place.start.offset) &&
                      Codec::is_aligned(arguments.words, place.start.element);
    const ForwardLoop<Element, Codec> loop{arguments, slopes};
    walk<Element, true>(shape, place, fast, shared, loop);
}

}  // namespace prelu_mem

/// The kernel `forward` of a codec.
#define PRELU_MEM_FORWARD(Codec)                                                                 \
    PRELU_MEM_KERNEL(forward, prelu_mem::Forward, 3) {                                           \
        using Element = prelu_mem::elements::PRELU_MEM_ELEMENT;                                  \
        PRELU_MEM_SHARED(double, columns, prelu_mem::SHARED_COLUMNS);                            \
        prelu_mem::forward_block<Element, Codec<Element>>(arguments, columns);                   \
    }
