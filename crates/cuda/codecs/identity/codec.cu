// codec: identity
// The pre-activation itself.
#include "codec.cuh"

using namespace prelu_mem;

template <class Element>
struct Identity {
    using Storage = typename Element::Storage;
    static constexpr bool SIGN_OF_OUTPUT = false;
    static constexpr bool SUMS_OUTPUT = false;

    struct Words {
        Storage lane[GROUP];
    };

    PRELU_MEM_DEVICE static Words encode(const Storage (&x)[GROUP]) {
        Words words;
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) words.lane[lane] = x[lane];
        return words;
    }
    PRELU_MEM_DEVICE static bool positive(const Words& words, u32 lane, Storage) {
        return Element::positive(words.lane[lane]);
    }
    PRELU_MEM_DEVICE static Storage basis(const Words& words, u32 lane, Storage) {
        return words.lane[lane];
    }

    template <class Access>
    PRELU_MEM_DEVICE static Words load(const Access& access, const void* words, u64 element,
                                       u32 count) {
        const Storage* const own = static_cast<const Storage*>(words) + element;
        Words loaded;
        if constexpr (Access::WHOLE) {
            access.load(own, 0, count, loaded.lane);
        } else {
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                loaded.lane[lane] = lane < count ? own[lane] : Storage(0);
            }
        }
        return loaded;
    }
    template <class Access>
    PRELU_MEM_DEVICE static void store(const Access& access, const Words& own, void* words,
                                       u64 element, u32 count) {
        Storage* const to = static_cast<Storage*>(words) + element;
        if constexpr (Access::WHOLE) {
            access.store(to, 0, count, own.lane);
        } else {
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                if (lane < count) to[lane] = own.lane[lane];
            }
        }
    }
    PRELU_MEM_DEVICE static bool is_aligned(const void* words, u64 element) {
        return prelu_mem::is_aligned(static_cast<const Storage*>(words) + element);
    }
    PRELU_MEM_DEVICE static void pad(void*, u64) {}
};

PRELU_MEM_CODEC_KERNELS(Identity)
