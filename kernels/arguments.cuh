// What the host passes to the kernels. Mirrored in crates/cuda/src/launch/arguments.rs.
#pragma once

#include "platform.cuh"

namespace prelu_mem {

/// Columns of a thread: consecutive elements of a class.
constexpr u32 GROUP = 8;

/// Columns of a block.
constexpr u32 STRIP = GROUP * PRELU_MEM_THREADS;

/// The channels of one class (its members) as a matrix. Its elements are the class's alone, as they
/// lie in memory: `columns` to a row, the last row perhaps shorter. Rows begin with the first member.
struct Shape {
    u64 elements;        ///< of the class
    u64 columns;         ///< a multiple of GROUP, unless there is one row
    u64 rows;
    u64 rows_per_block; ///< below 2^32
    u64 row_stride;      ///< tensor elements from a row to the next
    u64 period;          ///< columns from a member to itself: members * inner
    u64 period_stride;   ///< the same in tensor elements: channels * inner
    u64 inner;           ///< columns of a member, side by side
    u64 members;
    const u64* channels; ///< of each member; null where every channel is one
    u32 strips;          ///< to a row
    u32 slots;           ///< the most members that one strip touches
};

struct Forward {
    Shape shape;
    const void* slopes; ///< by member, Wide
    void* x;            ///< the tensor
    void* words;        ///< of the class
};

/// From partial sums to the slope gradient.
struct Ending {
    void* partials;         ///< [chunk][strip][slot] sums; null for frozen slopes
    const double* divisors; ///< by member
    double* slope_gradient; ///< by channel
    u64 chunks;             ///< of rows_per_block rows
    u32 lanes;              ///< threads per member: a power of two up to PRELU_MEM_THREADS
    u32 spare;
};

struct Backward {
    Shape shape;
    const void* slopes;
    const void* words;
    const void* output;   ///< null where it is not read
    const void* upstream; ///< may be `gradient`
    void* gradient;       ///< may be `words` (a stash that is overwritten)
    u32* arrived;         ///< counts blocks, 0 before and after; null where none ends it
    Ending ending;
};

struct Finish {
    Shape shape;
    Ending ending;
};

struct Scale {
    void* a;
    u64 count;
};

struct Triad {
    void* g;
    const void* y;
    u64 count;
};

static_assert(sizeof(void*) == 8, "addresses have 64 bits");
static_assert(sizeof(Shape) == 88, "mirrored in arguments.rs");
static_assert(sizeof(Forward) == 112, "mirrored in arguments.rs");
static_assert(sizeof(Backward) == 176, "mirrored in arguments.rs");
static_assert(sizeof(Finish) == 128, "mirrored in arguments.rs");
static_assert(sizeof(Scale) == 16 && sizeof(Triad) == 24, "mirrored in arguments.rs");

}  // namespace prelu_mem
