// What differs between a GPU and the CPU shim that the tests run these kernels on.
#pragma once

using u32 = unsigned int;
using u64 = unsigned long long;

/// Threads of a block.
#define PRELU_MEM_THREADS 256

// PRELU_MEM_KERNEL(name, Arguments, blocks) { .. } is a kernel that takes `arguments`; `blocks` is how
// many of its blocks a multiprocessor shall have registers for. PRELU_MEM_SHARED(type, name, count)
// is an array that a block shares.
#ifdef PRELU_MEM_SHIM

#include <cstring>

#include "shim.hpp"

#define PRELU_MEM_TEXT_OF(token) #token
#define PRELU_MEM_TEXT(token) PRELU_MEM_TEXT_OF(token)

#define PRELU_MEM_DEVICE inline

#define PRELU_MEM_KERNEL(name, Arguments, blocks)                                                \
    static void name(const Arguments& arguments);                                                \
    static void name##_erased(const void* arguments) {                                           \
        name(*static_cast<const Arguments*>(arguments));                                         \
    }                                                                                            \
    static const shim::Registrar name##_registrar(PRELU_MEM_TEXT(PRELU_MEM_CODEC),               \
                                                  PRELU_MEM_TEXT(PRELU_MEM_ELEMENT), #name,      \
                                                  name##_erased, sizeof(Arguments));             \
    static void name(const Arguments& arguments)

#else

#define PRELU_MEM_DEVICE __device__ __forceinline__

#define PRELU_MEM_KERNEL(name, Arguments, blocks)                                                \
    extern "C" __global__ void __launch_bounds__(PRELU_MEM_THREADS, blocks)                      \
        name(const Arguments arguments)

#define PRELU_MEM_SHARED(type, name, count) __shared__ type name[count]

#endif

namespace prelu_mem {

/// The bits of one value as another type of the same size.
template <class To, class From>
PRELU_MEM_DEVICE To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

/// What one access moves at most.
struct Sixteen {
    u32 part[4];
};

// Written in PTX, since the compiler does not always join neighbouring stores.
PRELU_MEM_DEVICE Sixteen load_sixteen(const void* from) {
    Sixteen value;
#ifdef PRELU_MEM_SHIM
    memcpy(&value, shim::aligned_sixteen(from), 16);
#else
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.part[0]), "=r"(value.part[1]), "=r"(value.part[2]),
                   "=r"(value.part[3])
                 : "l"(from)
                 : "memory");
#endif
    return value;
}

PRELU_MEM_DEVICE void store_sixteen(void* to, const Sixteen& value) {
#ifdef PRELU_MEM_SHIM
    memcpy(const_cast<void*>(shim::aligned_sixteen(to)), &value, 16);
#else
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(to), "r"(value.part[0]), "r"(value.part[1]), "r"(value.part[2]),
                   "r"(value.part[3])
                 : "memory");
#endif
}

/// The value that the lane `step` above holds; undefined for the warp's last lanes. Every lane calls.
PRELU_MEM_DEVICE double from_lane_above(double mine, u32 step) {
    const u64 bits = bits_as<u64>(mine);
    const u32 low = __shfl_down_sync(~0u, u32(bits), step);
    const u32 high = __shfl_down_sync(~0u, u32(bits >> 32), step);
    return bits_as<double>(u64(high) << 32 | low);
}

/// `dividend / divisor`, by the short instruction sequence where 32 bits hold both.
PRELU_MEM_DEVICE u64 quotient(u64 dividend, u64 divisor) {
    if ((dividend | divisor) >> 32 == 0) return u32(dividend) / u32(divisor);
    return dividend / divisor;
}

PRELU_MEM_DEVICE u64 smaller(u64 a, u64 b) { return a < b ? a : b; }

}  // namespace prelu_mem
