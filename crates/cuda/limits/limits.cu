// codec: limits
// What a device's memory allows: the simplest loops there are, for `bench` to compare with.
//
//     scale:  a[i] = a[i] * s
//     triad:  g[i] = g[i] * s + y[i] * t
//
// 2-byte floats stand as integers here: only the bytes matter.
#include "elements.cuh"

using namespace prelu_mem;

/// Elements of a block.
constexpr u32 OF_BLOCK = 4 * STRIP;

template <class Number>
struct Factors {
    PRELU_MEM_DEVICE static Number scale(Number a) { return a * Number(0.999); }
    PRELU_MEM_DEVICE static Number triad(Number g, Number y) {
        return g * Number(0.999) + y * Number(0.25);
    }
};

template <>
struct Factors<unsigned short> {
    using Number = unsigned short;
    PRELU_MEM_DEVICE static Number scale(Number a) { return Number(a * 3u); }
    PRELU_MEM_DEVICE static Number triad(Number g, Number y) { return Number(g * 3u + y * 5u); }
};

/// `step(a, y)` over a block's elements; `y` is not read where TWO is false.
template <class Number, bool TWO, class Step>
PRELU_MEM_DEVICE void each(Number* a, const Number* y, u64 count, Step step) {
    // Threads side by side move packs side by side, all of a thread's in flight together.
    constexpr u32 STEP = PRELU_MEM_THREADS * PACK<Number>, PACKS = OF_BLOCK / STEP;
    const u64 first = u64(blockIdx.x) * OF_BLOCK + threadIdx.x * PACK<Number>;
    const u64 last = first + (PACKS - 1) * STEP + PACK<Number>;
    if (last <= count && is_aligned(a) && (!TWO || is_aligned(y))) {
        Sixteen own[PACKS], other[PACKS] = {};
#pragma unroll
        for (u32 pack = 0; pack < PACKS; ++pack) {
            own[pack] = load_sixteen(a + first + pack * STEP);
            if (TWO) other[pack] = load_sixteen(y + first + pack * STEP);
        }
#pragma unroll
        for (u32 pack = 0; pack < PACKS; ++pack) {
            Sixteen result = {{0, 0, 0, 0}};
#pragma unroll
            for (u32 lane = 0; lane < PACK<Number>; ++lane) {
                set_element(result, lane, step(element_of<Number>(own[pack], lane),
                                               element_of<Number>(other[pack], lane)));
            }
            store_sixteen(a + first + pack * STEP, result);
        }
        return;
    }
#pragma unroll 1
    for (u32 pack = 0; pack < PACKS; ++pack) {
#pragma unroll 1
        for (u32 lane = 0; lane < PACK<Number>; ++lane) {
            const u64 at = first + pack * STEP + lane;
            if (at < count) a[at] = step(a[at], TWO ? y[at] : Number(0));
        }
    }
}

template <class Number>
PRELU_MEM_DEVICE void scale(const Scale& arguments) {
    each<Number, false>(static_cast<Number*>(arguments.a), nullptr, arguments.count,
                        [](Number a, Number) { return Factors<Number>::scale(a); });
}

template <class Number>
PRELU_MEM_DEVICE void triad(const Triad& arguments) {
    each<Number, true>(static_cast<Number*>(arguments.g), static_cast<const Number*>(arguments.y),
                       arguments.count,
                       [](Number g, Number y) { return Factors<Number>::triad(g, y); });
}

PRELU_MEM_KERNEL(scale_16, Scale, 2) { scale<unsigned short>(arguments); }
PRELU_MEM_KERNEL(scale_f32, Scale, 2) { scale<float>(arguments); }
PRELU_MEM_KERNEL(scale_f64, Scale, 2) { scale<double>(arguments); }
PRELU_MEM_KERNEL(triad_16, Triad, 2) { triad<unsigned short>(arguments); }
PRELU_MEM_KERNEL(triad_f32, Triad, 2) { triad<float>(arguments); }
PRELU_MEM_KERNEL(triad_f64, Triad, 2) { triad<double>(arguments); }
