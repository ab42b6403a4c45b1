// What kernels/platform.cuh needs to run the kernels on the CPU.
//
// The threads of a block are fibers on the thread that launches: one runs until it waits for others.
// What a GPU leaves undefined (a barrier that some threads never reach, a shuffle without one of its
// lanes, a write beyond a shared array) ends the process with a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace shim {

/// Writes a message and ends the process.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

struct Three {
    unsigned x, y, z;
};

/// What the running thread of a kernel sees.
struct Here {
    Three thread, block, grid;
};

extern thread_local Here here;

using Kernel = void (*)(const void* arguments);

/// A kernel and what it is called in which image.
struct Registered {
    const char* codec;
    const char* element;
    const char* name;
    Kernel kernel;
    std::size_t argument_bytes;
};

/// Adds a kernel before `main`.
struct Registrar {
    Registrar(const char* codec, const char* element, const char* name, Kernel kernel,
              std::size_t argument_bytes);
};

/// Runs a grid of blocks.
void run_grid(const Registered& kernel, const void* arguments, Three grid);

/// A line of source at which a thread waits.
struct Line {
    const char* file;
    int number;
};

enum class Exchange { Shuffle, Ballot, Sync };

void barrier(Line line);
/// Waits for the lanes of `mask`, then returns what `source` has given; for Ballot the lanes that gave
/// something other than 0.
std::uint64_t exchange(Exchange kind, unsigned mask, std::uint64_t value, unsigned source, Line line);
unsigned lane();

/// A shared array begins a block filled with 0xff, and so do the bytes around it, which stay so.
void open_shared(void* before, void* values, std::size_t bytes, void* after);

/// Bytes watched on either side of an array.
constexpr std::size_t MARGIN = 64;

template <class Value, std::size_t COUNT>
struct Shared {
    alignas(16) unsigned char before[MARGIN];
    Value values[COUNT];
    unsigned char after[MARGIN];

    Value* open() {
        static_assert(std::is_trivial<Value>::value, "as on a GPU");
        open_shared(before, values, sizeof values, after);
        return values;
    }
};

template <class Value>
Value shuffle(unsigned mask, Value value, unsigned source, unsigned width, Line line) {
    static_assert(sizeof(Value) <= 8 && std::is_trivially_copyable<Value>::value, "one register or two");
    if (width != 32) fail("%s:%d: a shuffle of width %u is not written", line.file, line.number, width);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = exchange(Exchange::Shuffle, mask, bits, source < 32 ? source : lane(), line);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// The 16 bytes at an address that has to be a multiple of 16.
inline const void* aligned_sixteen(const void* address) {
    if (reinterpret_cast<std::uintptr_t>(address) % 16 != 0) {
        fail("a 16-byte access to %p, which is not a multiple of 16", address);
    }
    return address;
}

}  // namespace shim

#define PRELU_MEM_SHARED(type, name, count)                       \
    static thread_local shim::Shared<type, (count)> name##_memory; \
    type* const name = name##_memory.open()

#define threadIdx (shim::here.thread)
#define blockIdx (shim::here.block)
#define gridDim (shim::here.grid)
#define blockDim (shim::Three{PRELU_MEM_THREADS, 1, 1})

// The line is the caller's.
#define SHIM_LINE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(SHIM_LINE) { shim::barrier({file, line}); }

inline void __syncwarp(unsigned mask = ~0u, SHIM_LINE) {
    shim::exchange(shim::Exchange::Sync, mask, 0, 0, {file, line});
}

inline unsigned __ballot_sync(unsigned mask, int predicate, SHIM_LINE) {
    return unsigned(shim::exchange(shim::Exchange::Ballot, mask, predicate != 0, 0, {file, line}));
}

template <class Value>
Value __shfl_sync(unsigned mask, Value value, int source, unsigned width = 32, SHIM_LINE) {
    return shim::shuffle(mask, value, unsigned(source) % 32, width, {file, line});
}

template <class Value>
Value __shfl_down_sync(unsigned mask, Value value, unsigned step, unsigned width = 32, SHIM_LINE) {
    return shim::shuffle(mask, value, shim::lane() + step, width, {file, line});
}

template <class Value>
Value __shfl_xor_sync(unsigned mask, Value value, unsigned bits, unsigned width = 32, SHIM_LINE) {
    return shim::shuffle(mask, value, shim::lane() ^ bits, width, {file, line});
}

// Blocks run one after the other.
inline void __threadfence() {}

inline unsigned atomicInc(unsigned* address, unsigned last) {
    const unsigned before = *address;
    *address = before >= last ? 0 : before + 1;
    return before;
}

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

#undef SHIM_LINE
