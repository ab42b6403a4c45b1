// What the driver's handles point to. A handle that is none, or no longer, is found out.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "block.hpp"
#include "memory.hpp"

#define SHIM_API extern "C" __attribute__((visibility("default")))

namespace shim {

/// The driver's codes that occur here.
enum Result : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    INVALID_PTX = 218,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    CONTEXT_IS_DESTROYED = 709,
};

struct Context;

/// Work in order: done at once, or with PRELU_MEM_SHIM_LATE when somebody waits for it.
struct Stream {
    Context* context;
    std::mutex lock;
    std::deque<std::function<void()>> pending;

    void submit(std::function<void()> work);
    void finish();
    /// Does one piece of the work; false where there is none left.
    bool advance();
};

struct Context {
    int device;
    int retained = 0;
    Stream default_stream{this, {}, {}};
    /// Streams, events and modules that live in it.
    int objects = 0;
};

struct Event {
    using Clock = std::chrono::steady_clock;
    Context* context;
    bool timed;
    Stream* stream = nullptr; ///< null where it was never recorded
    bool passed = false;
    Clock::time_point when;
};

struct Module;

struct Function {
    Module* module;
    const Registered* kernel;
};

struct Module {
    Context* context;
    std::vector<std::unique_ptr<Function>> functions;
};

/// The live handles of one kind.
template <class Object>
class Handles {
public:
    void add(Object* object) {
        const std::lock_guard<std::mutex> guard(lock_);
        live_.insert(object);
    }
    bool remove(Object* object) {
        const std::lock_guard<std::mutex> guard(lock_);
        return live_.erase(object) == 1;
    }
    bool has(Object* object) {
        const std::lock_guard<std::mutex> guard(lock_);
        return live_.count(object) == 1;
    }

private:
    std::mutex lock_;
    std::set<Object*> live_;
};

/// The context current to this thread; `SUCCESS` where it is alive.
Result current(Context** context);

/// The stream of a handle, null for the default one; it has to belong to the current context.
Result stream_of(void* handle, Stream** stream);

/// Runs what everything in the context waits for.
void count_object(Context* context, int change);

}  // namespace shim
