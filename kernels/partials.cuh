// The slope gradient's sums: from columns to one partial per member and block. Every addition has its
// place, given by the shape alone, so that the sums are the same bits in every run.
#pragma once

#include "place.cuh"
#include "sums.cuh"

namespace prelu_mem {

/// A block's sums by column.
template <class Sum>
struct Shared {
    double* columns; ///< SHARED_COLUMNS * Sum::PARTS
    Sum* warps;      ///< WARPS

    PRELU_MEM_DEVICE Sum column(u32 column) const {
        return Sum::read(columns + shared_column(column), SHARED_COLUMNS);
    }
    PRELU_MEM_DEVICE void set(u32 column, Sum sum) const {
        sum.write(columns + shared_column(column), SHARED_COLUMNS);
    }
};

/// The members that a strip touches: slot 0 is its first column's, slot 1 the next one's, ..
struct Slots {
    u64 first;  ///< member of slot 0
    u64 before; ///< columns of that member before the strip
    u32 width;  ///< columns of the strip
    u32 count;

    PRELU_MEM_DEVICE static Slots of(const Shape& shape, u64 strip) {
        const Column column = Column::at(shape, strip * STRIP);
        const u64 width = smaller(STRIP, shape.columns - strip * STRIP);
        const u64 runs = quotient(column.within + width + shape.inner - 1, shape.inner);
        return {column.member, column.within, u32(width), u32(smaller(runs, shape.members))};
    }
};

/// The sum of every `lanes`-th column of a slot from its column `lane` on. Columns are counted from
/// where the run of slot 0 begins, `slots.before` columns left of the strip.
template <class Sum>
PRELU_MEM_DEVICE Sum sum_of_slot(const Shape& shape, const Slots& slots, u32 slot, u32 lane,
                                 u32 lanes, const Shared<Sum>& shared) {
    const u64 first = lane + (slot == 0 ? slots.before : 0);
    const u64 runs = quotient(first, shape.inner);
    const u64 step_runs = lanes / smaller(shape.inner, 2 * PRELU_MEM_THREADS);
    const u64 step_within = lanes - step_runs * shape.inner;
    u64 run = slot * shape.inner + runs * shape.period;
    u64 within = first - runs * shape.inner;
    Sum sum = Sum::zero();
    while (run + within < slots.before + slots.width) {
        sum.merge(shared.column(u32(run + within - slots.before)));
        run += step_runs * shape.period;
        within += step_within;
        if (within >= shape.inner) {
            within -= shape.inner;
            run += shape.period;
        }
    }
    return sum;
}

/// Writes the partials of a block from the sums of its threads' columns.
template <class Sum>
PRELU_MEM_DEVICE void write_partials(const Shape& shape, const Block& block,
                                     const Sum (&sums)[GROUP], const Shared<Sum>& shared,
                                     Sum* partials) {
#pragma unroll
    for (u32 lane = 0; lane < GROUP; ++lane) shared.set(threadIdx.x * GROUP + lane, sums[lane]);
    __syncthreads();
    const Slots slots = Slots::of(shape, block.strip);
    u32 lanes = PRELU_MEM_THREADS;
    while (lanes > 1 && lanes * slots.count > PRELU_MEM_THREADS) lanes /= 2;
    Sum* const own = partials + (block.chunk * shape.strips + block.strip) * shape.slots;
    for (u32 first = 0; first < slots.count; first += PRELU_MEM_THREADS / lanes) {
        const u32 slot = first + threadIdx.x / lanes;
        Sum sum = Sum::zero();
        if (slot < slots.count) {
            sum = sum_of_slot(shape, slots, slot, threadIdx.x % lanes, lanes, shared);
        }
        sum = across(sum, lanes, shared.warps);
        if (slot < slots.count && threadIdx.x % lanes == 0) own[slot] = sum;
    }
}

}  // namespace prelu_mem
