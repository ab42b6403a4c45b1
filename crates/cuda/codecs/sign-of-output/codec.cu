// codec: sign-of-output
// Nothing: the sign is read off the output.
#include "codec.cuh"

using namespace prelu_mem;

template <class Element>
struct SignOfOutput {
    using Storage = typename Element::Storage;
    static constexpr bool SIGN_OF_OUTPUT = true;
    static constexpr bool SUMS_OUTPUT = true;

    struct Words {};

    PRELU_MEM_DEVICE static Words encode(const Storage (&)[GROUP]) { return {}; }
    PRELU_MEM_DEVICE static bool positive(Words, u32, Storage y) { return Element::positive(y); }
    PRELU_MEM_DEVICE static Storage basis(Words, u32, Storage y) { return y; }

    template <class Access>
    PRELU_MEM_DEVICE static Words load(const Access&, const void*, u64, u32) {
        return {};
    }
    template <class Access>
    PRELU_MEM_DEVICE static void store(const Access&, Words, void*, u64, u32) {}
    PRELU_MEM_DEVICE static bool is_aligned(const void*, u64) { return true; }
    PRELU_MEM_DEVICE static void pad(void*, u64) {}
};

PRELU_MEM_CODEC_KERNELS(SignOfOutput)
