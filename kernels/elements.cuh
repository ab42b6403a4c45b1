// The element types: how they are stored, what arithmetic happens in, how products are summed.
#pragma once

#include "arguments.cuh"
#include "sums.cuh"

namespace prelu_mem {

template <class Storage>
PRELU_MEM_DEVICE bool is_aligned(const Storage* pointer) {
    return reinterpret_cast<u64>(pointer) % 16 == 0;
}

/// Elements of one 16-byte access.
template <class Storage>
constexpr u32 PACK = 16 / sizeof(Storage);

/// Element `lane` of a 16-byte access.
template <class Storage>
PRELU_MEM_DEVICE Storage element_of(const Sixteen& pack, u32 lane) {
    if constexpr (sizeof(Storage) == 8) {
        return bits_as<Storage>(u64(pack.part[2 * lane + 1]) << 32 | pack.part[2 * lane]);
    } else if constexpr (sizeof(Storage) == 4) {
        return bits_as<Storage>(pack.part[lane]);
    } else {
        return Storage(pack.part[lane / 2] >> 16 * (lane % 2));
    }
}

template <class Storage>
PRELU_MEM_DEVICE void set_element(Sixteen& pack, u32 lane, Storage value) {
    if constexpr (sizeof(Storage) == 8) {
        pack.part[2 * lane] = u32(bits_as<u64>(value));
        pack.part[2 * lane + 1] = u32(bits_as<u64>(value) >> 32);
    } else if constexpr (sizeof(Storage) == 4) {
        pack.part[lane] = bits_as<u32>(value);
    } else {
        pack.part[lane / 2] |= u32(value) << 16 * (lane % 2);
    }
}

/// Elements `first ..` of a group from a 16-byte access.
template <class Storage>
PRELU_MEM_DEVICE void unpack(const Sixteen& pack, u32 first, Storage (&to)[GROUP]) {
#pragma unroll
    for (u32 lane = 0; lane < PACK<Storage>; ++lane) {
        to[first + lane] = element_of<Storage>(pack, lane);
    }
}

/// Elements `first ..` of a group for a 16-byte access.
template <class Storage>
PRELU_MEM_DEVICE Sixteen packed(const Storage (&from)[GROUP], u32 first) {
    Sixteen pack = {{0, 0, 0, 0}};
#pragma unroll
    for (u32 lane = 0; lane < PACK<Storage>; ++lane) set_element(pack, lane, from[first + lane]);
    return pack;
}

namespace elements {

struct f32 {
    using Storage = float;
    using Wide = float;
    using Sum = Plain;
    /// Rows whose loads are in flight together.
    static constexpr u32 ROWS = 2;
    /// Blocks of backward that a multiprocessor shall have registers for.
    static constexpr u32 BLOCKS = 2;

    PRELU_MEM_DEVICE static float widen(float value) { return value; }
    PRELU_MEM_DEVICE static float narrow(float wide) { return wide; }
    PRELU_MEM_DEVICE static bool positive(float value) { return value > 0.0f; }
    /// Adds `g * b` unless the element is positive.
    PRELU_MEM_DEVICE static void add(Plain& sum, bool positive, float g, float b) {
        if (!positive) sum.add_exact(double(g), double(b));
    }
};

struct f64 {
    using Storage = double;
    using Wide = double;
    using Sum = Twofold;
    static constexpr u32 ROWS = 1;
    static constexpr u32 BLOCKS = 2;

    PRELU_MEM_DEVICE static double widen(double value) { return value; }
    PRELU_MEM_DEVICE static double narrow(double wide) { return wide; }
    PRELU_MEM_DEVICE static bool positive(double value) { return value > 0.0; }
    PRELU_MEM_DEVICE static void add(Twofold& sum, bool positive, double g, double b) {
        sum.add(positive ? 0.0 : g * b);
    }
};

struct f16 {
    using Storage = unsigned short;
    using Wide = float;
    using Sum = Plain;
    static constexpr u32 ROWS = 2;
    static constexpr u32 BLOCKS = 3;

#ifndef PRELU_MEM_SHIM
    PRELU_MEM_DEVICE static float widen(Storage half) {
        float wide;
        asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(half));
        return wide;
    }
    PRELU_MEM_DEVICE static Storage narrow(float wide) {
        Storage half;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(wide));
        return half;
    }
#else
    // What the conversion instructions above do.
    static float widen(Storage half) {
        const u32 magnitude = half & 0x7fffu;
        const u32 sign = u32(half & 0x8000u) << 16;
        if (magnitude >= 0x7c00) return bits_as<float>(sign | 0x7f800000u | magnitude << 13);
        // The exponent's bias put right by an exact multiplication, which normalises subnormals too.
        const float finite = bits_as<float>(magnitude << 13) * 0x1p112f;
        return bits_as<float>(sign | bits_as<u32>(finite));
    }
    static Storage narrow(float wide) {
        const u32 bits = bits_as<u32>(wide), magnitude = bits & 0x7fffffffu;
        const Storage sign = Storage(bits >> 16 & 0x8000u);
        if (magnitude > 0x7f800000u) return Storage(sign | 0x7fff);
        if (magnitude >= 0x477ff000u) return Storage(sign | 0x7c00);
        if (magnitude < 0x38800000u) {
            const u32 rounded = bits_as<u32>(bits_as<float>(magnitude) + 0.5f) - 0x3f000000u;
            return Storage(sign | rounded);
        }
        const u32 odd = magnitude >> 13 & 1;
        return Storage(sign | (magnitude - 0x38000000u + 0x0fff + odd) >> 13);
    }
#endif
    PRELU_MEM_DEVICE static bool positive(Storage half) { return widen(half) > 0.0f; }
    /// Whether every product of two elements is one of the wide type: 22 significant bits from 2^-48 to 2^32.
    static constexpr bool EXACT_IN_WIDE = true;
    PRELU_MEM_DEVICE static void add(Plain& sum, bool positive, float g, float b) {
        if (!positive) sum.add(double(g * b));
    }
};

struct bf16 {
    using Storage = unsigned short;
    using Wide = float;
    using Sum = Plain;
    static constexpr u32 ROWS = 2;
    static constexpr u32 BLOCKS = 3;

    PRELU_MEM_DEVICE static float widen(Storage half) { return bits_as<float>(u32(half) << 16); }
    /// To nearest, ties to even; a NaN stays one.
    PRELU_MEM_DEVICE static Storage narrow(float wide) {
        const u32 bits = bits_as<u32>(wide);
        const u32 rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
        return Storage(wide != wide ? bits >> 16 | 0x0040u : rounded);
    }
    static constexpr bool EXACT_IN_WIDE = false;
    PRELU_MEM_DEVICE static bool positive(Storage half) { return widen(half) > 0.0f; }
    PRELU_MEM_DEVICE static void add(Plain& sum, bool positive, float g, float b) {
        if (!positive) sum.add_exact(double(g), double(b));
    }
};

}  // namespace elements
}  // namespace prelu_mem
