// The end of backward: the slope gradient from the partials. Backward's last block does it where all blocks run at once
// and there is little to add up, else a launch of its own.
//
//     for each member, in parallel, for each of its `lanes` threads:
//         for each of its strips that is the thread's:
//             sum += the partials of every step-th chunk
//     slope gradient[channel] += (sum of those sums) / divisor
//
// Departures: (1) a member's strips are looked for: among all where strips are longer than a period, else
// among those that its run in each period may touch; (2) the loads of several chunks are issued before the first of
// them is used.
#pragma once

#include "elements.cuh"
#include "partials.cuh"

namespace prelu_mem {

/// The strips in which a member may have a partial.
struct Candidates {
    u64 per_run; ///< 0: every strip
    u64 count;

    PRELU_MEM_DEVICE static Candidates of(const Shape& shape) {
        if (shape.period <= STRIP) return {0, shape.strips};
        const u64 per_run = (shape.inner - 1 + STRIP - 1) / STRIP + 1;
        return {per_run, per_run * quotient(shape.columns, shape.period)};
    }

    /// A strip, each one once, or `strips` for none.
    PRELU_MEM_DEVICE u64 strip(const Shape& shape, u64 member, u64 index) const {
        if (per_run == 0) return index;
        const u64 run = quotient(index, per_run);
        const u64 begin = run * shape.period + member * shape.inner;
        const u64 strip = begin / STRIP + (index - run * per_run);
        const bool touched = strip * STRIP < begin + shape.inner;
        // A run that ends in the strip this one begins in has claimed it.
        const bool claimed = run > 0 && strip * STRIP < begin - shape.period + shape.inner;
        return touched && !claimed ? strip : shape.strips;
    }
};

/// The sum of a member's partials in one of its candidates, of the chunks from `chunk` on in steps of `step`.
template <class Sum>
PRELU_MEM_DEVICE Sum sum_of_chunks(const Shape& shape, const Ending& ending,
                                   const Candidates& candidates, u64 member, u64 candidate,
                                   u64 chunk, u32 step) {
    constexpr u32 IN_FLIGHT = 16 / Sum::PARTS;
    Sum sum = Sum::zero();
    const u64 strip = candidates.strip(shape, member, candidate);
    if (strip >= shape.strips) return sum;
    const Slots slots = Slots::of(shape, strip);
    const u64 slot = member - slots.first + (member < slots.first ? shape.members : 0);
    if (slot >= slots.count) return sum;
    const u64 stride = u64(shape.strips) * shape.slots;
    const Sum* const partials =
        static_cast<const Sum*>(ending.partials) + strip * shape.slots + slot;
    for (; chunk < ending.chunks; chunk += IN_FLIGHT * step) {
        Sum terms[IN_FLIGHT];
#pragma unroll
        for (u32 next = 0; next < IN_FLIGHT; ++next) {
            const u64 at = chunk + next * step;
            terms[next] = at < ending.chunks ? partials[at * stride] : Sum::zero();
        }
#pragma unroll
        for (u32 next = 0; next < IN_FLIGHT; ++next) sum.merge(terms[next]);
    }
    return sum;
}

/// The members from `first` on that a block has threads for.
template <class Sum>
PRELU_MEM_DEVICE void finish_members(const Shape& shape, const Ending& ending, u64 first,
                                     Sum* scratch) {
    const u32 lanes = ending.lanes, lane = threadIdx.x % lanes;
    const u64 member = first + threadIdx.x / lanes;
    const bool ends = member < shape.members && lane == 0;
    const u64 channel = ends && shape.channels ? shape.channels[member] : member;
    // On their way while the partials are added up.
    const double before = ends ? ending.slope_gradient[channel] : 0.0;
    const double divisor = ends ? ending.divisors[member] : 1.0;
    const Candidates candidates = Candidates::of(shape);
    // Threads side by side on different candidates, and those behind them on other chunks.
    u32 side = 1;
    while (side < lanes && side < candidates.count) side *= 2;
    Sum sum = Sum::zero();
    if (member < shape.members) {
        for (u64 candidate = lane % side; candidate < candidates.count; candidate += side) {
            sum.merge(sum_of_chunks<Sum>(shape, ending, candidates, member, candidate,
                                         lane / side, lanes / side));
        }
    }
    sum = across(sum, lanes, scratch);
    if (ends) ending.slope_gradient[channel] = before + sum.value() / divisor;
}

/// Whether this block is the last one of its grid to ask. It sees what the others wrote before they asked. `arrived`
/// is 0 again behind it. The first barrier: a block's partials are written before the fence of its thread 0, which
/// covers them all.
PRELU_MEM_DEVICE bool is_last(u32* arrived, u32* shared) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        *shared = atomicInc(arrived, gridDim.x - 1) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    return *shared;
}

/// All members, by one block.
template <class Sum>
PRELU_MEM_DEVICE void finish_all(const Shape& shape, const Ending& ending, Sum* scratch) {
    const u32 together = PRELU_MEM_THREADS / ending.lanes;
    for (u64 first = 0; first < shape.members; first += together) {
        finish_members(shape, ending, first, scratch);
    }
}

}  // namespace prelu_mem

/// The kernel `finish`, which no codec enters into.
#define PRELU_MEM_FINISH()                                                                       \
    PRELU_MEM_KERNEL(finish, prelu_mem::Finish, 3) {                                             \
        using Sum = prelu_mem::elements::PRELU_MEM_ELEMENT::Sum;                                 \
        PRELU_MEM_SHARED(Sum, warps, prelu_mem::WARPS);                                          \
        const u64 members = PRELU_MEM_THREADS / arguments.ending.lanes;                          \
        prelu_mem::finish_members<Sum>(arguments.shape, arguments.ending, blockIdx.x * members,  \
                                       warps);                                                   \
    }
