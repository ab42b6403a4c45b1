// The end of backward: the slope gradient from the partials.
//
//     for each member, in parallel, for each of its `lanes` threads:
//         sum = every lanes-th partial of the member
//     slope gradient[channel] += (sum of those sums) / divisor
//
// Departure: a member's partials are looked for by strip: in every strip where strips are longer
// than a period, else in those that its run in each period may touch.
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

template <class Sum>
PRELU_MEM_DEVICE Sum partial_of(const Finish& arguments, const Candidates& candidates, u64 member,
                                u64 index) {
    const Shape& shape = arguments.shape;
    if (member >= shape.members || index >= arguments.chunks * candidates.count) return Sum::zero();
    const u64 chunk = quotient(index, candidates.count);
    const u64 strip = candidates.strip(shape, member, index - chunk * candidates.count);
    if (strip >= shape.strips) return Sum::zero();
    const Slots slots = Slots::of(shape, strip);
    const u64 slot = member - slots.first + (member < slots.first ? shape.members : 0);
    if (slot >= slots.count) return Sum::zero();
    const Sum* const partials = static_cast<const Sum*>(arguments.partials);
    return partials[(chunk * shape.strips + strip) * shape.slots + slot];
}

template <class Sum>
PRELU_MEM_DEVICE void finish_members(const Finish& arguments, Sum* scratch) {
    constexpr u32 IN_FLIGHT = 4;
    const Shape& shape = arguments.shape;
    const u32 lanes = arguments.lanes;
    const u64 member = u64(blockIdx.x) * (PRELU_MEM_THREADS / lanes) + threadIdx.x / lanes;
    const Candidates candidates = Candidates::of(shape);
    Sum sum = Sum::zero();
    for (u64 index = threadIdx.x % lanes; index < arguments.chunks * candidates.count;
         index += IN_FLIGHT * lanes) {
        Sum partials[IN_FLIGHT];
#pragma unroll
        for (u32 next = 0; next < IN_FLIGHT; ++next) {
            partials[next] =
                partial_of<Sum>(arguments, candidates, member, index + next * lanes);
        }
#pragma unroll
        for (u32 next = 0; next < IN_FLIGHT; ++next) sum.merge(partials[next]);
    }
    sum = across(sum, lanes, scratch);
    if (member < shape.members && threadIdx.x % lanes == 0) {
        const u64 channel = shape.channels ? shape.channels[member] : member;
        arguments.slope_gradient[channel] += sum.value() / arguments.divisors[member];
    }
}

}  // namespace prelu_mem

/// The kernel `finish`, which no codec enters into.
#define PRELU_MEM_FINISH()                                                                       \
    PRELU_MEM_KERNEL(finish, prelu_mem::Finish, 4) {                                             \
        using Sum = prelu_mem::elements::PRELU_MEM_ELEMENT::Sum;                                 \
        PRELU_MEM_SHARED(Sum, warps, prelu_mem::WARPS);                                          \
        prelu_mem::finish_members<Sum>(arguments, warps);                                        \
    }
