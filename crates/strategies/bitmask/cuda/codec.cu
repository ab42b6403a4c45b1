// codec: sign-bits
// The sign as a bit: set on the positive branch. A group of eight is one byte.
#include "codec.cuh"

using namespace prelu_mem;

template <class Element>
struct SignBits {
    using Storage = typename Element::Storage;
    static constexpr bool SIGN_OF_OUTPUT = false;
    static constexpr bool SUMS_OUTPUT = true;
    /// Bytes of a saved word.
    static constexpr u64 WORD = 8;

    struct Words {
        u32 bits;
    };

    PRELU_MEM_DEVICE static Words encode(const Storage (&x)[GROUP]) {
        u32 bits = 0;
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) bits |= u32(Element::positive(x[lane])) << lane;
        return {bits};
    }
    PRELU_MEM_DEVICE static bool positive(Words words, u32 lane, Storage) {
        return words.bits >> lane & 1u;
    }
    PRELU_MEM_DEVICE static Storage basis(Words, u32, Storage y) { return y; }

    template <class Access>
    PRELU_MEM_DEVICE static Words load(const Access&, const void* words, u64 element, u32) {
        return {static_cast<const unsigned char*>(words)[element / GROUP]};
    }
    template <class Access>
    PRELU_MEM_DEVICE static void store(const Access&, Words own, void* words, u64 element, u32) {
        static_cast<unsigned char*>(words)[element / GROUP] = (unsigned char)(own.bits);
    }
    PRELU_MEM_DEVICE static bool is_aligned(const void*, u64) { return true; }

    PRELU_MEM_DEVICE static void pad(void* words, u64 elements) {
        const u64 bytes = (elements + GROUP - 1) / GROUP;
        const u64 end = (bytes + WORD - 1) / WORD * WORD;
        for (u64 byte = bytes; byte < end; ++byte) static_cast<unsigned char*>(words)[byte] = 0;
    }
};

PRELU_MEM_CODEC_KERNELS(SignBits)
