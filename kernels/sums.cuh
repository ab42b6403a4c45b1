// Sums wider than their terms, added in a fixed order.
#pragma once

#include "platform.cuh"

namespace prelu_mem {

/// Enough for products of two f32, which are exact in f64.
struct Plain {
    double sum;

    /// Numbers that make a sum.
    static constexpr u32 PARTS = 1;

    PRELU_MEM_DEVICE static Plain zero() { return {0.0}; }
    PRELU_MEM_DEVICE static Plain read(const double* from, u32) { return {from[0]}; }
    PRELU_MEM_DEVICE void write(double* to, u32) const { to[0] = sum; }
    PRELU_MEM_DEVICE void add(double term) { sum += term; }
    /// Adds `a * b`, which is exact in f64: one rounding either way.
    PRELU_MEM_DEVICE void add_exact(double a, double b) {
#ifdef PRELU_MEM_SHIM
        sum += a * b;
#else
        sum = fma(a, b, sum);
#endif
    }
    PRELU_MEM_DEVICE void merge(Plain other) { sum += other.sum; }
    PRELU_MEM_DEVICE double value() const { return sum; }
    PRELU_MEM_DEVICE Plain lane_above(u32 step) const { return {from_lane_above(sum, step)}; }
};

/// A rounded sum and what its roundings lost (TwoSum and Sum2, as the CPU's `Twofold`).
struct Twofold {
    double sum;
    double lost;

    static constexpr u32 PARTS = 2;

    PRELU_MEM_DEVICE static Twofold zero() { return {0.0, 0.0}; }
    /// The parts lie `stride` numbers apart.
    PRELU_MEM_DEVICE static Twofold read(const double* from, u32 stride) {
        return {from[0], from[stride]};
    }
    PRELU_MEM_DEVICE void write(double* to, u32 stride) const {
        to[0] = sum;
        to[stride] = lost;
    }
    PRELU_MEM_DEVICE void add(double term) {
        const double next = sum + term;
        const double from_term = next - sum;
        const double from_sum = next - from_term;
        lost += (sum - from_sum) + (term - from_term);
        sum = next;
    }
    PRELU_MEM_DEVICE void merge(Twofold other) {
        add(other.sum);
        lost += other.lost;
    }
    PRELU_MEM_DEVICE double value() const {
        // Beyond the finite range `lost` is inf - inf; the main sum says it all.
        return sum - sum == 0.0 ? sum + lost : sum;
    }
    PRELU_MEM_DEVICE Twofold lane_above(u32 step) const {
        return {from_lane_above(sum, step), from_lane_above(lost, step)};
    }
};

/// Warps of a block.
constexpr u32 WARPS = PRELU_MEM_THREADS / 32;

/// The sums of `lanes` neighbouring threads (a power of two), in the first of them. Every thread of
/// the block calls with the same `lanes`; `scratch` holds a sum per warp.
template <class Sum>
PRELU_MEM_DEVICE Sum across(Sum mine, u32 lanes, Sum* scratch) {
    for (u32 step = (lanes < 32 ? lanes : 32) / 2; step > 0; step /= 2) {
        mine.merge(mine.lane_above(step));
    }
    if (lanes > 32) {
        const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = lanes / 32;
        __syncthreads();
        if (lane == 0) scratch[warp] = mine;
        __syncthreads();
        mine = lane < warps ? scratch[warp / warps * warps + lane] : Sum::zero();
        for (u32 step = warps / 2; step > 0; step /= 2) mine.merge(mine.lane_above(step));
    }
    return mine;
}

}  // namespace prelu_mem
