// codec: sign-byte
// The sign as a byte: 1 on the positive branch, 0 on the slope's.
#include "codec.cuh"

using namespace prelu_mem;

template <class Element>
struct SignByte {
    using Storage = typename Element::Storage;
    static constexpr bool SIGN_OF_OUTPUT = false;
    static constexpr bool SUMS_OUTPUT = true;

    /// Eight bytes, the first element's lowest.
    struct Words {
        u64 bytes;
    };

    PRELU_MEM_DEVICE static Words encode(const Storage (&x)[GROUP]) {
        u64 bytes = 0;
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) {
            bytes |= u64(Element::positive(x[lane])) << 8 * lane;
        }
        return {bytes};
    }
    PRELU_MEM_DEVICE static bool positive(Words words, u32 lane, Storage) {
        return (words.bytes >> 8 * lane & 0xffu) != 0;
    }
    PRELU_MEM_DEVICE static Storage basis(Words, u32, Storage y) { return y; }

    template <class Access>
    PRELU_MEM_DEVICE static Words load(const Access&, const void* words, u64 element, u32 count) {
        const unsigned char* const own = static_cast<const unsigned char*>(words) + element;
        if constexpr (Access::WHOLE) {
            return {*static_cast<const u64*>(static_cast<const void*>(own))};
        } else {
            u64 bytes = 0;
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                if (lane < count) bytes |= u64(own[lane]) << 8 * lane;
            }
            return {bytes};
        }
    }
    template <class Access>
    PRELU_MEM_DEVICE static void store(const Access&, Words own, void* words, u64 element,
                                       u32 count) {
        unsigned char* const to = static_cast<unsigned char*>(words) + element;
        if constexpr (Access::WHOLE) {
            *static_cast<u64*>(static_cast<void*>(to)) = own.bytes;
        } else {
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                if (lane < count) to[lane] = (unsigned char)(own.bytes >> 8 * lane);
            }
        }
    }
    PRELU_MEM_DEVICE static bool is_aligned(const void* words, u64 element) {
        return (reinterpret_cast<u64>(words) + element) % sizeof(u64) == 0;
    }
    PRELU_MEM_DEVICE static void pad(void*, u64) {}
};

PRELU_MEM_CODEC_KERNELS(SignByte)
