// Devices, contexts, errors and memory: the driver's functions as NVIDIA documents them, as far as
// crates/cuda calls them, and as strict as the documentation is.
#include <cstdio>
#include <cstring>

#include "objects.hpp"
#include "settings.hpp"

namespace shim {
namespace {

bool initialised = false;
thread_local Context* current_context = nullptr;
std::mutex contexts_lock;

/// The primary context of each device, which keeps its address.
Context* primary(int device) {
    static std::vector<std::unique_ptr<Context>> contexts = [] {
        std::vector<std::unique_ptr<Context>> all;
        for (int device = 0; device < settings().devices; ++device) {
            all.push_back(std::make_unique<Context>());
            all.back()->device = device;
        }
        return all;
    }();
    return contexts[device].get();
}

bool is_device(int device) { return device >= 0 && device < settings().devices; }

Result check_device(int device) {
    if (!initialised) return NOT_INITIALIZED;
    return is_device(device) ? SUCCESS : INVALID_DEVICE;
}

struct Text {
    Result code;
    const char *name, *text;
};

constexpr Text TEXTS[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available"},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
};

const Text* text_of(int code) {
    for (const Text& text : TEXTS) {
        if (text.code == code) return &text;
    }
    return nullptr;
}

}  // namespace

Result current(Context** context) {
    if (!initialised) return NOT_INITIALIZED;
    *context = current_context;
    if (current_context == nullptr) return INVALID_CONTEXT;
    const std::lock_guard<std::mutex> guard(contexts_lock);
    return current_context->retained > 0 ? SUCCESS : CONTEXT_IS_DESTROYED;
}

void count_object(Context* context, int change) {
    const std::lock_guard<std::mutex> guard(contexts_lock);
    context->objects += change;
}

}  // namespace shim

using namespace shim;

SHIM_API int cuInit(unsigned flags) {
    if (flags != 0) return INVALID_VALUE;
    if (settings().devices == 0) return NO_DEVICE;
    initialised = true;
    return SUCCESS;
}

SHIM_API int cuDriverGetVersion(int* version) {
    *version = 12020;
    return SUCCESS;
}

SHIM_API int cuDeviceGetCount(int* count) {
    if (!initialised) return NOT_INITIALIZED;
    *count = settings().devices;
    return SUCCESS;
}

SHIM_API int cuDeviceGet(int* device, int ordinal) {
    *device = ordinal;
    return check_device(ordinal);
}

SHIM_API int cuDeviceGetName(char* name, int length, int device) {
    if (name == nullptr || length <= 0) return INVALID_VALUE;
    std::snprintf(name, std::size_t(length), "CPU shim, not a GPU");
    return check_device(device);
}

SHIM_API int cuDeviceTotalMem_v2(std::size_t* bytes, int device) {
    *bytes = memory::total_bytes();
    return check_device(device);
}

SHIM_API int cuDeviceGetAttribute(int* value, int attribute, int device) {
    enum { MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76, MEMORY_POOLS = 115 };
    switch (attribute) {
        case MULTIPROCESSORS: *value = 1; break;
        case MAJOR: *value = settings().major; break;
        case MINOR: *value = settings().minor; break;
        case MEMORY_POOLS: *value = 1; break;
        default: return INVALID_VALUE;
    }
    return check_device(device);
}

SHIM_API int cuGetErrorName(int code, const char** name) {
    const Text* const text = text_of(code);
    *name = text ? text->name : nullptr;
    return text ? SUCCESS : INVALID_VALUE;
}

SHIM_API int cuGetErrorString(int code, const char** string) {
    const Text* const text = text_of(code);
    *string = text ? text->text : nullptr;
    return text ? SUCCESS : INVALID_VALUE;
}

SHIM_API int cuDevicePrimaryCtxRetain(Context** context, int device) {
    if (const Result result = check_device(device)) return result;
    const std::lock_guard<std::mutex> guard(contexts_lock);
    *context = primary(device);
    ++(*context)->retained;
    return SUCCESS;
}

SHIM_API int cuDevicePrimaryCtxRelease_v2(int device) {
    if (const Result result = check_device(device)) return result;
    const std::lock_guard<std::mutex> guard(contexts_lock);
    Context* const context = primary(device);
    if (context->retained == 0) return INVALID_CONTEXT;
    if (--context->retained == 0 && context->objects > 0) {
        fail("the context of device %d is released, and %d streams, events and modules with it",
             device, context->objects);
    }
    return SUCCESS;
}

SHIM_API int cuCtxSetCurrent(Context* context) {
    if (!initialised) return NOT_INITIALIZED;
    if (context != nullptr) {
        bool known = false;
        for (int device = 0; is_device(device); ++device) known |= primary(device) == context;
        if (!known) return INVALID_CONTEXT;
        const std::lock_guard<std::mutex> guard(contexts_lock);
        if (context->retained == 0) return INVALID_CONTEXT;
    }
    current_context = context;
    return SUCCESS;
}

SHIM_API int cuCtxGetCurrent(Context** context) {
    if (!initialised) return NOT_INITIALIZED;
    *context = current_context;
    return SUCCESS;
}

SHIM_API int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
    Context* context;
    if (const Result result = current(&context)) return result;
    *free = memory::free_bytes(context->device);
    *total = memory::total_bytes();
    return SUCCESS;
}

// The handle of a device's pool is its primary context's.

SHIM_API int cuDeviceGetDefaultMemPool(Context** pool, int device) {
    if (const Result result = check_device(device)) return result;
    *pool = primary(device);
    return SUCCESS;
}

SHIM_API int cuMemPoolSetAttribute(Context* pool, int attribute, void* value) {
    enum { RELEASE_THRESHOLD = 4 };
    return pool && value && attribute == RELEASE_THRESHOLD ? SUCCESS : INVALID_VALUE;
}

SHIM_API int cuMemPoolTrimTo(Context* pool, std::size_t bytes) {
    if (pool == nullptr || bytes != 0) return INVALID_VALUE;
    memory::trim(pool->device);
    return SUCCESS;
}

SHIM_API int cuPointerGetAttribute(void* value, int attribute, std::uint64_t address) {
    enum { MEMORY_TYPE = 2, DEVICE_ORDINAL = 9 };
    Context* context;
    int device;
    if (const Result result = current(&context)) return result;
    if (value == nullptr || !memory::find(address, 1, &device)) return INVALID_VALUE;
    const unsigned device_memory = 2;
    switch (attribute) {
        case DEVICE_ORDINAL: std::memcpy(value, &device, sizeof device); return SUCCESS;
        case MEMORY_TYPE: std::memcpy(value, &device_memory, sizeof device_memory); return SUCCESS;
        default: return INVALID_VALUE;
    }
}
