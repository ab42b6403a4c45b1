#include "settings.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shim.hpp"

namespace shim {
namespace {

/// Reads a variable by a scanf format that ends in "%n"; it has to match as a whole.
template <class... To>
void read(const char* name, const char* format, To*... to) {
    const char* const text = std::getenv(name);
    if (text == nullptr) return;
    int end = -1;
    const int found = std::sscanf(text, format, to..., &end);
    if (found != int(sizeof...(to)) || end != int(std::strlen(text))) {
        fail("%s is '%s'; a value like that of the documentation is accepted", name, text);
    }
}

Settings from_environment() {
    Settings settings;
    int late = 0;
    read("PRELU_MEM_SHIM_DEVICES", "%d%n", &settings.devices);
    read("PRELU_MEM_SHIM_CAPABILITY", "%d.%d%n", &settings.major, &settings.minor);
    read("PRELU_MEM_SHIM_MEMORY", "%zu%n", &settings.memory);
    read("PRELU_MEM_SHIM_LATE", "%d%n", &late);
    if (settings.devices < 0 || settings.devices > 8) fail("PRELU_MEM_SHIM_DEVICES: 0 to 8");
    settings.late = late != 0;
    return settings;
}

}  // namespace

const Settings& settings() {
    static const Settings settings = from_environment();
    return settings;
}

}  // namespace shim
