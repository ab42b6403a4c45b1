// What the environment sets.
#pragma once

#include <cstddef>

namespace shim {

struct Settings {
    int devices = 1;              ///< PRELU_MEM_SHIM_DEVICES
    int major = 9, minor = 0;     ///< PRELU_MEM_SHIM_CAPABILITY, as in 9.0
    std::size_t memory = 8ull << 30; ///< PRELU_MEM_SHIM_MEMORY: bytes of each device
    /// PRELU_MEM_SHIM_LATE=1: what is put in a stream is done when somebody waits for it, as late as a
    /// GPU might, instead of at once.
    bool late = false;
};

const Settings& settings();

}  // namespace shim
