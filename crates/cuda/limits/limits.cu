// codec: limits
// What a device's memory allows: the simplest loops there are, for `bench` to compare with.
//
//     scale:  a[i] = a[i] * s
//     triad:  g[i] = g[i] * s + y[i] * t
//
// 2-byte floats stand as integers here: only the bytes matter.
#include "elements.cuh"

using namespace prelu_mem;

/// Groups of a thread, all in flight together.
constexpr u32 GROUPS = 4;

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
    const u64 first = u64(blockIdx.x) * (GROUPS * STRIP) + threadIdx.x * GROUP;
    const u64 last = first + (GROUPS - 1) * STRIP + GROUP;
    if (last <= count && is_aligned(a) && (!TWO || is_aligned(y))) {
        Number own[GROUPS][GROUP], other[GROUPS][GROUP] = {};
#pragma unroll
        for (u32 group = 0; group < GROUPS; ++group) {
            load_group(a + first + group * STRIP, own[group]);
            if (TWO) load_group(y + first + group * STRIP, other[group]);
        }
#pragma unroll
        for (u32 group = 0; group < GROUPS; ++group) {
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                own[group][lane] = step(own[group][lane], other[group][lane]);
            }
            store_group(a + first + group * STRIP, own[group]);
        }
        return;
    }
#pragma unroll 1
    for (u32 group = 0; group < GROUPS; ++group) {
#pragma unroll 1
        for (u32 lane = 0; lane < GROUP; ++lane) {
            const u64 at = first + group * STRIP + lane;
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
