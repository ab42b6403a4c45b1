// The slope gradient's sums: from columns to one partial per member and block. Every addition has its
// place, given by the shape alone, so that the sums are the same bits in every run.
//
//     a thread adds up its columns: those of its first member, and those of the next one
//     for each member that the strip touches, in parallel, for each of its `lanes` threads:
//         sum = some of those sums that are the member's, run by run
//     partial[member] = the sum of its threads' sums
//
// Departure: of members that are narrower than a thread's columns, each column stays by itself.
#pragma once

#include "place.cuh"
#include "sums.cuh"

namespace prelu_mem {

/// A block's sums.
template <class Sum>
struct Shared {
    double* columns; ///< SHARED_COLUMNS * Sum::PARTS
    Sum* warps;      ///< WARPS
    Column* first;   ///< the strip's first column
    u32* last;       ///< whether the block is the grid's last

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

    PRELU_MEM_DEVICE static Slots at(const Shape& shape, u64 strip, const Column& column) {
        const u64 width = smaller(STRIP, shape.columns - strip * STRIP);
        const u64 runs = quotient(column.within + width + shape.inner - 1, shape.inner);
        return {column.member, column.within, u32(width), u32(smaller(runs, shape.members))};
    }
    PRELU_MEM_DEVICE static Slots of(const Shape& shape, u64 strip) {
        return at(shape, strip, Column::at(shape, strip * STRIP));
    }
};

/// Columns that a thread adds up before it shares them: all of its own, among which two members meet at most, or none.
PRELU_MEM_DEVICE u32 unit_of(const Shape& shape) { return shape.inner < GROUP ? 1 : GROUP; }

/// One of `lanes` parts of a slot's sum: threads side by side on units of one run, and those behind them on other runs.
/// Columns are the strip's, and those beyond it are cut off, so that 32 bits hold them.
template <class Sum>
PRELU_MEM_DEVICE Sum sum_of_slot(const Shape& shape, const Slots& slots, u32 slot, u32 lane,
                                 u32 lanes, u32 unit, const Shared<Sum>& shared) {
    u32 side = 1;
    while (side < lanes && side * unit < shape.inner) side *= 2;
    // The first run of slot 0 has begun before the strip.
    u64 run_end = shape.inner - slots.before + slot * shape.inner + lane / side * shape.period;
    u64 run = run_end > shape.inner ? run_end - shape.inner : 0;
    Sum sum = Sum::zero();
    while (run < slots.width) {
        const u32 begin = u32(run), end = u32(smaller(run_end, slots.width));
        const u32 first = begin / unit * unit + lane % side * unit;
        for (u32 column = first; column < end; column += side * unit) {
            // A unit that begins before the run is another member's but for its end.
            sum.merge(shared.column(column + (column < begin ? 1 : 0)));
        }
        run_end += lanes / side * shape.period;
        run = run_end - shape.inner;
    }
    return sum;
}

/// Writes the partials of a block from the sums of its threads.
template <class Sum, class Sums>
PRELU_MEM_DEVICE void write_partials(const Shape& shape, const Block& block, const Sums& sums,
                                     const Shared<Sum>& shared, Sum* partials) {
    const u32 unit = unit_of(shape);
    sums.share(unit, shared);
    __syncthreads();
    const Slots slots = Slots::at(shape, block.strip, *shared.first);
    u32 lanes = PRELU_MEM_THREADS;
    while (lanes > 1 && lanes * slots.count > PRELU_MEM_THREADS) lanes /= 2;
    Sum* const own = partials + (block.chunk * shape.strips + block.strip) * shape.slots;
    for (u32 first = 0; first < slots.count; first += PRELU_MEM_THREADS / lanes) {
        const u32 slot = first + threadIdx.x / lanes;
        Sum sum = Sum::zero();
        if (slot < slots.count) {
            sum = sum_of_slot(shape, slots, slot, threadIdx.x % lanes, lanes, unit, shared);
        }
        sum = across(sum, lanes, shared.warps);
        if (slot < slots.count && threadIdx.x % lanes == 0) own[slot] = sum;
    }
}

}  // namespace prelu_mem
