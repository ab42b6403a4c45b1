// Tries what the shim is to find out: `checks NAME` ends well or with a message (tests/checks.rs).
#define PRELU_MEM_CODEC checks
#define PRELU_MEM_ELEMENT any

#include <cstdio>
#include <cstdlib>
#include <string>

#include "block.hpp"
#include "memory.hpp"
#include "platform.cuh"

namespace {

constexpr unsigned BLOCKS = 37;

struct Values {
    unsigned* values; ///< one per thread of the grid
};

unsigned global_thread() { return blockIdx.x * PRELU_MEM_THREADS + threadIdx.x; }

}  // namespace

/// Reversed within the block, by way of shared memory.
PRELU_MEM_KERNEL(reverse, Values, 1) {
    PRELU_MEM_SHARED(unsigned, shared, PRELU_MEM_THREADS);
    shared[threadIdx.x] = arguments.values[global_thread()];
    __syncthreads();
    arguments.values[global_thread()] = shared[PRELU_MEM_THREADS - 1 - threadIdx.x];
}

/// The same without the barrier.
PRELU_MEM_KERNEL(reverse_without_barrier, Values, 1) {
    PRELU_MEM_SHARED(unsigned, shared, PRELU_MEM_THREADS);
    shared[threadIdx.x] = arguments.values[global_thread()];
    arguments.values[global_thread()] = shared[PRELU_MEM_THREADS - 1 - threadIdx.x];
}

/// What the block before left in shared memory.
PRELU_MEM_KERNEL(leftover, Values, 1) {
    PRELU_MEM_SHARED(unsigned, shared, PRELU_MEM_THREADS);
    arguments.values[global_thread()] = shared[threadIdx.x];
    shared[threadIdx.x] = 7;
}

/// Lanes whose value is odd; then sums over warps, by two kinds of shuffle, that have to agree.
PRELU_MEM_KERNEL(warps, Values, 1) {
    const unsigned own = arguments.values[global_thread()];
    const unsigned odd = __ballot_sync(~0u, own % 2);
    double up = own;
    unsigned long long around = own;
    for (unsigned step = 16; step > 0; step /= 2) {
        up += __shfl_down_sync(~0u, up, step);
        around += __shfl_xor_sync(~0u, around, step);
    }
    const double first = __shfl_sync(~0u, up, 0);
    const bool same = first == double(around) && (odd >> threadIdx.x % 32 & 1) == own % 2;
    arguments.values[global_thread()] = same ? unsigned(around) : 0;
}

PRELU_MEM_KERNEL(half_a_warp, Values, 1) {
    unsigned own = arguments.values[global_thread()];
    if (threadIdx.x % 32 < 16) own = __shfl_xor_sync(0xffffu, own, 1);
    arguments.values[global_thread()] = own;
}

PRELU_MEM_KERNEL(shuffle_without_a_lane, Values, 1) {
    if (threadIdx.x == 37) return;
    arguments.values[global_thread()] = __shfl_down_sync(~0u, 1u, 1);
}

PRELU_MEM_KERNEL(lane_outside_of_its_mask, Values, 1) {
    arguments.values[global_thread()] = __ballot_sync(0xffffu, 1);
}

PRELU_MEM_KERNEL(barrier_after_a_return, Values, 1) {
    if (threadIdx.x == 200) return;
    __syncthreads();
    arguments.values[global_thread()] = 0;
}

PRELU_MEM_KERNEL(two_barriers, Values, 1) {
    if (threadIdx.x < 128) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    arguments.values[global_thread()] = 0;
}

PRELU_MEM_KERNEL(beyond_shared, Values, 1) {
    PRELU_MEM_SHARED(unsigned, shared, 16);
    unsigned at = threadIdx.x;
    asm volatile("" : "+r"(at));
    if (at < 17) shared[at] = at;
    arguments.values[global_thread()] = 0;
}

PRELU_MEM_KERNEL(beyond_memory, Values, 1) {
    arguments.values[global_thread() + 1] = 1;
}

PRELU_MEM_KERNEL(before_memory, Values, 1) {
    if (global_thread() == 0) arguments.values[-1] = 1;
}

PRELU_MEM_KERNEL(misaligned, Values, 1) {
    prelu_mem::store_sixteen(arguments.values + 1, prelu_mem::Sixteen{{1, 2, 3, 4}});
}

namespace {

void run(const std::string& name, unsigned* values) {
    for (const shim::Registered& kernel : shim::registered()) {
        if (kernel.name == name) {
            const Values arguments = {values};
            shim::run_grid(kernel, &arguments, {BLOCKS, 1, 1});
            return shim::memory::check("at the end");
        }
    }
    std::fprintf(stderr, "no check is called '%s'\n", name.c_str());
    std::exit(2);
}

/// What each thread's value has to be, where the kernel ends well.
unsigned expected(const std::string& name, unsigned at) {
    const unsigned thread = at % PRELU_MEM_THREADS, warp = at / 32 * 32;
    if (name == "reverse") return at - thread + PRELU_MEM_THREADS - 1 - thread;
    if (name == "leftover") return ~0u;
    if (name == "warps") return 32 * warp + 31 * 32 / 2;
    if (name == "half_a_warp") return thread % 32 < 16 ? at ^ 1 : at;
    return 0;
}

}  // namespace

int main(int count, char** words) {
    const std::string name = count == 2 ? words[1] : "";
    constexpr unsigned VALUES = BLOCKS * PRELU_MEM_THREADS;
    const auto address = shim::memory::allocate(0, VALUES * sizeof(unsigned));
    unsigned* const values = reinterpret_cast<unsigned*>(address);
    if (name == "freed_memory") {
        shim::memory::condemn(address);
        shim::memory::release(address);
        values[5] = 0;
        shim::memory::trim(0);
        return 0;
    }
    // More than once: the orders differ.
    for (unsigned time = 0; time < 5; ++time) {
        for (unsigned at = 0; at < VALUES; ++at) values[at] = at;
        run(name, values);
        for (unsigned at = 0; at < VALUES; ++at) {
            if (values[at] != expected(name, at)) {
                shim::fail("%s: value %u is %u, not %u", words[1], at, values[at],
                           expected(name, at));
            }
        }
    }
    return 0;
}
