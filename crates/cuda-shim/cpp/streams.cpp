// Streams, what is put in them, events and modules. Copies have to lie within live allocations.
#include <cstdio>
#include <cstring>
#include <string>

#include "objects.hpp"
#include "platform.cuh"
#include "settings.hpp"

namespace shim {
namespace {

Handles<Stream> streams;
Handles<Event> events;
Handles<Module> modules;
Handles<Function> functions;

std::mutex events_lock;

}  // namespace

void Stream::submit(std::function<void()> work) {
    const std::lock_guard<std::mutex> guard(lock);
    if (settings().late) {
        pending.push_back(std::move(work));
    } else {
        work();
    }
}

bool Stream::advance() {
    const std::lock_guard<std::mutex> guard(lock);
    if (pending.empty()) return false;
    const std::function<void()> work = std::move(pending.front());
    pending.pop_front();
    work();
    return true;
}

void Stream::finish() {
    while (advance()) {
    }
    memory::check("waiting for a stream");
}

Result stream_of(void* handle, Stream** stream) {
    Context* context;
    if (const Result result = current(&context)) return result;
    *stream = handle ? static_cast<Stream*>(handle) : &context->default_stream;
    if (handle && !streams.has(*stream)) return INVALID_HANDLE;
    return (*stream)->context == context ? SUCCESS : INVALID_HANDLE;
}

namespace {

/// An event of the current context.
Result check_event(Event* event) {
    Context* context;
    if (const Result result = current(&context)) return result;
    return events.has(event) && event->context == context ? SUCCESS : INVALID_HANDLE;
}

bool is_passed(Event* event) {
    const std::lock_guard<std::mutex> guard(events_lock);
    return event->stream == nullptr || event->passed;
}

bool is_live(std::uint64_t address, std::size_t bytes) {
    int device;
    return memory::find(address, bytes, &device);
}

void* pointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace
}  // namespace shim

using namespace shim;

SHIM_API int cuStreamCreate(Stream** stream, unsigned flags) {
    enum { NON_BLOCKING = 1 };
    Context* context;
    if (const Result result = current(&context)) return result;
    if (flags > NON_BLOCKING) return INVALID_VALUE;
    *stream = new Stream{context, {}, {}};
    streams.add(*stream);
    count_object(context, 1);
    return SUCCESS;
}

SHIM_API int cuStreamDestroy_v2(Stream* stream) {
    Stream* own;
    if (stream == nullptr) return INVALID_HANDLE;
    if (const Result result = stream_of(stream, &own)) return result;
    stream->finish();
    streams.remove(stream);
    count_object(stream->context, -1);
    delete stream;
    return SUCCESS;
}

SHIM_API int cuStreamGetCtx(void* handle, Context** context) {
    if (const Result result = current(context)) return result;
    if (handle == nullptr) return SUCCESS;
    Stream* const stream = static_cast<Stream*>(handle);
    if (!streams.has(stream)) return INVALID_HANDLE;
    *context = stream->context;
    return SUCCESS;
}

SHIM_API int cuStreamSynchronize(void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    stream->finish();
    return SUCCESS;
}

SHIM_API int cuEventCreate(Event** event, unsigned flags) {
    enum { DISABLE_TIMING = 2 };
    Context* context;
    if (const Result result = current(&context)) return result;
    if (flags > 7) return INVALID_VALUE;
    *event = new Event{context, (flags & DISABLE_TIMING) == 0, nullptr, false, {}};
    events.add(*event);
    count_object(context, 1);
    return SUCCESS;
}

SHIM_API int cuEventDestroy_v2(Event* event) {
    if (const Result result = check_event(event)) return result;
    // The work before it may still be to do, and marks it.
    if (!is_passed(event)) event->stream->finish();
    events.remove(event);
    count_object(event->context, -1);
    delete event;
    return SUCCESS;
}

SHIM_API int cuEventRecord(Event* event, void* handle) {
    Stream* stream;
    if (const Result result = check_event(event)) return result;
    if (const Result result = stream_of(handle, &stream)) return result;
    {
        const std::lock_guard<std::mutex> guard(events_lock);
        event->stream = stream;
        event->passed = false;
    }
    stream->submit([event] {
        const std::lock_guard<std::mutex> guard(events_lock);
        event->passed = true;
        event->when = Event::Clock::now();
    });
    return SUCCESS;
}

SHIM_API int cuEventQuery(Event* event) {
    if (const Result result = check_event(event)) return result;
    if (is_passed(event)) return SUCCESS;
    // The device does something meanwhile.
    event->stream->advance();
    return NOT_READY;
}

SHIM_API int cuEventSynchronize(Event* event) {
    if (const Result result = check_event(event)) return result;
    while (!is_passed(event) && event->stream->advance()) {
    }
    return SUCCESS;
}

SHIM_API int cuEventElapsedTime(float* milliseconds, Event* start, Event* end) {
    if (const Result result = check_event(start)) return result;
    if (const Result result = check_event(end)) return result;
    if (!start->timed || !end->timed || !start->stream || !end->stream) return INVALID_HANDLE;
    if (!is_passed(start) || !is_passed(end)) return NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(end->when - start->when).count();
    return SUCCESS;
}

SHIM_API int cuMemAllocAsync(std::uint64_t* address, std::size_t bytes, void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (bytes == 0) return INVALID_VALUE;
    *address = memory::allocate(stream->context->device, bytes);
    return *address ? SUCCESS : OUT_OF_MEMORY;
}

SHIM_API int cuMemFreeAsync(std::uint64_t address, void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (!memory::condemn(address)) return INVALID_VALUE;
    stream->submit([address] { memory::release(address); });
    return SUCCESS;
}

SHIM_API int cuMemsetD8Async(std::uint64_t to, unsigned char value, std::size_t bytes, void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (!is_live(to, bytes)) return INVALID_VALUE;
    stream->submit([=] { std::memset(pointer(to), value, bytes); });
    return SUCCESS;
}

SHIM_API int cuMemcpyHtoDAsync_v2(std::uint64_t to, const void* from, std::size_t bytes,
                                  void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (from == nullptr || !is_live(to, bytes)) return INVALID_VALUE;
    stream->submit([=] { std::memcpy(pointer(to), from, bytes); });
    return SUCCESS;
}

SHIM_API int cuMemcpyDtoHAsync_v2(void* to, std::uint64_t from, std::size_t bytes, void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (to == nullptr || !is_live(from, bytes)) return INVALID_VALUE;
    stream->submit([=] { std::memcpy(to, pointer(from), bytes); });
    return SUCCESS;
}

SHIM_API int cuMemcpyDtoDAsync_v2(std::uint64_t to, std::uint64_t from, std::size_t bytes,
                                  void* handle) {
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (!is_live(from, bytes) || !is_live(to, bytes)) return INVALID_VALUE;
    if (from < to + bytes && to < from + bytes) fail("a copy of %zu bytes onto itself", bytes);
    stream->submit([=] { std::memcpy(pointer(to), pointer(from), bytes); });
    return SUCCESS;
}

SHIM_API int cuModuleLoadData(Module** module, const void* image) {
    Context* context;
    if (const Result result = current(&context)) return result;
    if (image == nullptr) return INVALID_VALUE;
    const std::string text = static_cast<const char*>(image);
    char codec[64], element[16];
    if (std::sscanf(text.c_str(), "// prelu-mem kernels: %63s %15s\n", codec, element) != 2) {
        return INVALID_PTX;
    }
    auto own = std::make_unique<Module>(Module{context, {}});
    for (const Registered& kernel : registered()) {
        if (kernel.codec != std::string(codec) || kernel.element != std::string(element)) continue;
        // What runs here is not the image: it has to hold the same kernel at least.
        const std::string name = kernel.name;
        const std::string parameter = ".entry " + name + "(\n\t.param .align 8 .b8 " + name +
                                      "_param_0[" + std::to_string(kernel.argument_bytes) + "]\n)";
        if (text.find(parameter) == std::string::npos) {
            std::fprintf(stderr, "CPU shim: the image %s %s has no kernel %s that takes %zu bytes\n",
                         codec, element, kernel.name, kernel.argument_bytes);
            return INVALID_PTX;
        }
        own->functions.push_back(std::make_unique<Function>(Function{own.get(), &kernel}));
    }
    if (own->functions.empty()) return NO_BINARY_FOR_GPU;
    for (const auto& function : own->functions) functions.add(function.get());
    *module = own.release();
    modules.add(*module);
    count_object(context, 1);
    return SUCCESS;
}

SHIM_API int cuModuleUnload(Module* module) {
    Context* context;
    if (const Result result = current(&context)) return result;
    if (!modules.has(module) || module->context != context) return INVALID_HANDLE;
    for (const auto& function : module->functions) functions.remove(function.get());
    modules.remove(module);
    count_object(context, -1);
    delete module;
    return SUCCESS;
}

SHIM_API int cuModuleGetFunction(Function** function, Module* module, const char* name) {
    Context* context;
    if (const Result result = current(&context)) return result;
    if (!modules.has(module) || module->context != context) return INVALID_HANDLE;
    for (const auto& own : module->functions) {
        if (own->kernel->name == std::string(name)) {
            *function = own.get();
            return SUCCESS;
        }
    }
    return NOT_FOUND;
}

SHIM_API int cuLaunchKernel(Function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                            unsigned block_x, unsigned block_y, unsigned block_z,
                            unsigned shared_bytes, void* handle, void** parameters, void** extra) {
    constexpr unsigned MOST_Y = 65535, MOST_X = 0x7fffffff;
    Stream* stream;
    if (const Result result = stream_of(handle, &stream)) return result;
    if (!functions.has(function) || function->module->context != stream->context) {
        return INVALID_HANDLE;
    }
    if (grid_x == 0 || grid_y == 0 || grid_x > MOST_X || grid_y > MOST_Y || grid_z != 1) {
        return INVALID_VALUE;
    }
    if (block_x != PRELU_MEM_THREADS || block_y != 1 || block_z != 1) return INVALID_VALUE;
    if (shared_bytes != 0 || extra != nullptr || parameters == nullptr) return INVALID_VALUE;
    const Registered& kernel = *function->kernel;
    const auto* const bytes = static_cast<const unsigned char*>(parameters[0]);
    std::vector<unsigned char> arguments(bytes, bytes + kernel.argument_bytes);
    stream->submit([&kernel, arguments = std::move(arguments), grid_x, grid_y] {
        run_grid(kernel, arguments.data(), {grid_x, grid_y, 1});
        memory::check(kernel.name);
    });
    return SUCCESS;
}
