// Where a thread's elements lie.
//
//     strip  = block % strips, chunk = block / strips
//     column = strip * STRIP + thread * GROUP                   the same in every row
//     rows   = chunk * rows_per_block ..                        walked downwards
//     element q = row * columns + column of the class lies in the tensor at
//         row * row_stride + column / period * period_stride + channels[member] * inner + within
#pragma once

#include "elements.cuh"

namespace prelu_mem {

/// A column, as the member it belongs to.
struct Column {
    u64 repeat; ///< periods before it
    u64 member;
    u64 within; ///< columns of the member before it

    PRELU_MEM_DEVICE static Column at(const Shape& shape, u64 column) {
        const u64 repeat = quotient(column, shape.period);
        const u64 rest = column - repeat * shape.period;
        const u64 member = quotient(rest, shape.inner);
        return {repeat, member, rest - member * shape.inner};
    }

    /// The column to the right.
    PRELU_MEM_DEVICE void advance(const Shape& shape) {
        if (++within < shape.inner) return;
        within = 0;
        if (++member < shape.members) return;
        member = 0;
        ++repeat;
    }

    /// Columns of the member among this one and the seven to the right.
    PRELU_MEM_DEVICE u32 cut(const Shape& shape) const {
        return u32(smaller(GROUP, shape.inner - within));
    }

    /// Tensor elements before it in a row.
    PRELU_MEM_DEVICE u64 offset(const Shape& shape) const {
        const u64 channel = shape.channels ? shape.channels[member] : member;
        return repeat * shape.period_stride + channel * shape.inner + within;
    }
};

/// A block's share of a shape.
struct Block {
    u64 strip;
    u64 chunk;
    u64 first_row;
    u64 rows;

    PRELU_MEM_DEVICE static Block own(const Shape& shape) {
        const u64 chunk = blockIdx.x / shape.strips;
        const u64 first = chunk * shape.rows_per_block;
        const u64 rows = smaller(shape.rows_per_block, shape.rows - first);
        return {blockIdx.x - chunk * shape.strips, chunk, first, rows};
    }
};

/// A group of eight.
struct Position {
    u64 offset;  ///< of its first element in the tensor
    u64 element; ///< and among the class's

    PRELU_MEM_DEVICE Position down(const Shape& shape, u64 rows) const {
        return {offset + rows * shape.row_stride, element + rows * shape.columns};
    }
};

/// A thread's groups: one in each of its block's rows.
struct Place {
    Column first;    ///< of the thread's columns
    Position start;  ///< in the block's first row
    u32 whole;       ///< rows with a whole group
    u32 rest;        ///< elements of the thread in the row after those
    bool contiguous; ///< whether a group is side by side in the tensor

    PRELU_MEM_DEVICE static Place own(const Shape& shape, const Block& block) {
        const u64 column = block.strip * STRIP + threadIdx.x * GROUP;
        Place place;
        place.first = Column::at(shape, column);
        place.start = {place.first.offset(shape), column};
        place.start = place.start.down(shape, block.first_row);
        place.whole = 0;
        place.rest = 0;
        if (column < shape.columns) {
            // Only the tensor's last row may be short, or a row that is the only one.
            const u64 last = place.start.element + (block.rows - 1) * shape.columns;
            const u64 there = last < shape.elements ? shape.elements - last : 0;
            place.whole = u32(there >= GROUP ? block.rows : block.rows - 1);
            place.rest = there >= GROUP ? 0 : u32(there);
        }
        place.contiguous = true;
        if (shape.channels && place.first.within + GROUP > shape.inner) {
            Column column = place.first;
            const u64 offset = column.offset(shape);
            for (u32 lane = 1; lane < GROUP; ++lane) {
                column.advance(shape);
                if (column.offset(shape) != offset + lane) place.contiguous = false;
            }
        }
        return place;
    }

    /// The slopes of the thread's columns.
    template <class Wide>
    PRELU_MEM_DEVICE void slopes(const Shape& shape, const void* by_member,
                                 Wide (&slopes)[GROUP]) const {
        Column column = first;
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) {
            slopes[lane] = static_cast<const Wide*>(by_member)[column.member];
            column.advance(shape);
        }
    }
};

/// Room in shared memory for a value per column, with one left out after every eight so that neither
/// threads that write their eight nor threads that read neighbours meet in a bank.
constexpr u32 SHARED_COLUMNS = STRIP + PRELU_MEM_THREADS;

PRELU_MEM_DEVICE u32 shared_column(u32 column) { return column + column / GROUP; }

/// Whole groups that are side by side in the tensor, at 16-byte aligned addresses.
struct Together {
    static constexpr bool WHOLE = true;

    template <class Storage>
    PRELU_MEM_DEVICE void load(const Storage* tensor, u64 at, u32, Storage (&to)[GROUP]) const {
#pragma unroll
        for (u32 first = 0; first < GROUP; first += PACK<Storage>) {
            unpack(load_sixteen(tensor + at + first), first, to);
        }
    }
    template <class Storage>
    PRELU_MEM_DEVICE void settle(Storage (&)[GROUP]) const {}
    template <class Storage>
    PRELU_MEM_DEVICE void store(Storage* tensor, u64 at, u32, const Storage (&from)[GROUP]) const {
#pragma unroll
        for (u32 first = 0; first < GROUP; first += PACK<Storage>) {
            store_sixteen(tensor + at + first, packed(from, first));
        }
    }
};

/// The same of a warp in which any two neighbours' groups are side by side too. They move them together, 32 bytes at a
/// time: whole sectors of memory, where the tensor begins at one.
struct InPairs {
    static constexpr bool WHOLE = true;

    /// Leaves, of every 32 bytes, the lower neighbour with the first 16 of both, the upper one with the second.
    template <class Storage>
    PRELU_MEM_DEVICE void load(const Storage* tensor, u64 at, u32, Storage (&to)[GROUP]) const {
        const Storage* const own = tensor + at - upper() * (GROUP - PACK<Storage>);
#pragma unroll
        for (u32 first = 0; first < GROUP; first += 2 * PACK<Storage>) {
            unpack(load_sixteen(own + first), first, to);
            unpack(load_sixteen(own + GROUP + first), first + PACK<Storage>, to);
        }
    }
    /// Gives each thread its own.
    template <class Storage>
    PRELU_MEM_DEVICE void settle(Storage (&group)[GROUP]) const {
#pragma unroll
        for (u32 first = 0; first < GROUP; first += 2 * PACK<Storage>) {
            Sixteen low = packed(group, first), high = packed(group, first + PACK<Storage>);
#pragma unroll
            for (u32 part = 0; part < 4; ++part) {
                const u32 given = upper() ? low.part[part] : high.part[part];
                const u32 taken = __shfl_xor_sync(~0u, given, 1);
                if (upper()) low.part[part] = taken;
                else high.part[part] = taken;
            }
            unpack(low, first, group);
            unpack(high, first + PACK<Storage>, group);
        }
    }
    template <class Storage>
    PRELU_MEM_DEVICE void store(Storage* tensor, u64 at, u32, const Storage (&from)[GROUP]) const {
        Storage* const own = tensor + at - upper() * (GROUP - PACK<Storage>);
        Storage group[GROUP];
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) group[lane] = from[lane];
        // The exchange is its own inverse.
        settle(group);
#pragma unroll
        for (u32 first = 0; first < GROUP; first += 2 * PACK<Storage>) {
            store_sixteen(own + first, packed(group, first));
            store_sixteen(own + GROUP + first, packed(group, first + PACK<Storage>));
        }
    }

private:
    PRELU_MEM_DEVICE static u32 upper() { return threadIdx.x % 2; }
};

/// Whether all threads of a warp have as many whole groups, and those of neighbours lie side by side. Every lane calls.
PRELU_MEM_DEVICE bool in_pairs(const Place& place, bool fast) {
    const u64 lower = place.start.offset - threadIdx.x % 2 * GROUP;
    const bool beside = __shfl_xor_sync(~0u, lower, 1) == lower;
    const bool as_many = __shfl_sync(~0u, place.whole, 0) == place.whole;
    return __ballot_sync(~0u, fast && beside && as_many) == ~0u;
}

/// The first `count` elements of a group wherever they lie, one by one. They pass through shared
/// memory, each thread's own, so that these loops need no registers of the fast path's.
struct Apart {
    static constexpr bool WHOLE = false;
    const Shape& shape;
    Column first;
    double* own;

    PRELU_MEM_DEVICE static Apart of(const Shape& shape, const Place& place, double* shared) {
        return {shape, place.first, shared + shared_column(threadIdx.x * GROUP)};
    }
    template <class Storage>
    PRELU_MEM_DEVICE void load(const Storage* tensor, u64 at, u32 count,
                               Storage (&to)[GROUP]) const {
        Storage* const staged = static_cast<Storage*>(static_cast<void*>(own));
        Column column = first;
        const u64 base = at - first.offset(shape);
#pragma unroll 4
        for (u32 lane = 0; lane < GROUP; ++lane) {
            if (lane < count) staged[lane] = tensor[base + column.offset(shape)];
            column.advance(shape);
        }
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) to[lane] = lane < count ? staged[lane] : Storage(0);
    }
    template <class Storage>
    PRELU_MEM_DEVICE void settle(Storage (&)[GROUP]) const {}
    template <class Storage>
    PRELU_MEM_DEVICE void store(Storage* tensor, u64 at, u32 count,
                                const Storage (&from)[GROUP]) const {
        Storage* const staged = static_cast<Storage*>(static_cast<void*>(own));
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) staged[lane] = from[lane];
        Column column = first;
        const u64 base = at - first.offset(shape);
#pragma unroll 4
        for (u32 lane = 0; lane < GROUP; ++lane) {
            if (lane < count) tensor[base + column.offset(shape)] = staged[lane];
            column.advance(shape);
        }
    }
};

/// The rows of whole groups downwards, `ROWS` at a time.
template <u32 ROWS, class Access, class Loop>
PRELU_MEM_DEVICE void walk_down(const Shape& shape, const Place& place, const Loop& loop) {
    Position at = place.start;
    u32 left = place.whole;
#pragma unroll 1
    for (; left >= ROWS; left -= ROWS) {
        loop.template rows<ROWS>(Access(), at, GROUP);
        at = at.down(shape, ROWS);
    }
    if constexpr (ROWS > 1) {
#pragma unroll 1
        for (; left > 0; --left) {
            loop.template rows<1>(Access(), at, GROUP);
            at = at.down(shape, 1);
        }
    }
}

/// Runs a loop over a thread's groups: the rest first, then the rows downwards, whatever the path. Every thread calls.
template <class Element, bool PAIRS, class Loop>
PRELU_MEM_DEVICE void walk(const Shape& shape, const Place& place, bool fast, double* shared,
                           const Loop& loop) {
    u32 apart_rows = (place.rest > 0 ? 1 : 0) + (fast ? 0 : place.whole);
    if (apart_rows > 0) {
        const Apart apart = Apart::of(shape, place, shared);
        u32 row = place.rest > 0 ? place.whole : 0;
#pragma unroll 1
        for (; apart_rows > 0; --apart_rows) {
            const bool last = row == place.whole;
            loop.template rows<1>(apart, place.start.down(shape, row), last ? place.rest : GROUP);
            row = last ? 0 : row + 1;
        }
    }
    // A group of two-byte elements is one access.
    if constexpr (PAIRS && GROUP > PACK<typename Element::Storage>) {
        if (in_pairs(place, fast)) return walk_down<Element::ROWS, InPairs>(shape, place, loop);
    }
    if (fast) walk_down<Element::ROWS, Together>(shape, place, loop);
}

}  // namespace prelu_mem
