// Blocks of threads on the CPU.
//
//     for each block of the grid, in a scrambled order:
//         until every fiber has returned:
//             for each fiber that waits for nothing, in an order that changes from block to block:
//                 let it run until it waits or returns
//             no fiber ran: those that wait do so for ever, which is an error
//
// The orders change from launch to launch too: what depends on them is not the same bits twice.
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "block.hpp"
#include "platform.cuh"

namespace shim {

thread_local Here here;

void fail(const char* format, ...) {
    std::va_list rest;
    va_start(rest, format);
    std::fputs("CPU shim: ", stderr);
    std::vfprintf(stderr, format, rest);
    std::fputc('\n', stderr);
    va_end(rest);
    std::abort();
}

namespace {

constexpr unsigned THREADS = PRELU_MEM_THREADS;
constexpr unsigned LANES = 32;
constexpr std::size_t STACK = 64 << 10;
/// What a lane gets that asks for a value nobody gave.
constexpr std::uint64_t NOBODY = ~std::uint64_t(0);

enum class State { Ready, AtBarrier, InExchange, Returned };

struct Fiber {
    jmp_buf place;
    State state = State::Returned;
    Line line{};
    // Of an exchange:
    Exchange kind{};
    unsigned mask = 0;
    unsigned source = 0;
    std::uint64_t value = 0;
};

struct SharedArray {
    unsigned char *before, *after;
};

[[noreturn]] void fiber_main();

/// The fibers of one thread of the process, for one block after another.
class Fibers {
public:
    Fibers() {
        // Between two stacks lies a page that nobody may touch.
        page_ = std::size_t(sysconf(_SC_PAGESIZE));
        stride_ = STACK + page_;
        bytes_ = THREADS * stride_;
        stacks_ = static_cast<char*>(
            mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (stacks_ == MAP_FAILED) fail("no memory for %u stacks", THREADS);
    }
    ~Fibers() { munmap(stacks_, bytes_); }
    Fibers(const Fibers&) = delete;

    /// Brings every fiber to where it waits for a block.
    void start() {
        for (unsigned thread = 0; thread < THREADS; ++thread) {
            char* const stack = stacks_ + thread * stride_ + page_;
            if (mprotect(stack, STACK, PROT_READ | PROT_WRITE) != 0) fail("no memory for a stack");
            ucontext_t context;
            getcontext(&context);
            context.uc_stack.ss_sp = stack;
            context.uc_stack.ss_size = STACK;
            context.uc_link = nullptr;
            makecontext(&context, fiber_main, 0);
            current_ = thread;
            if (_setjmp(scheduler_) == 0) setcontext(&context);
        }
    }

    void run_block(const Registered& kernel, const void* arguments, unsigned order) {
        kernel_ = &kernel;
        arguments_ = arguments;
        shared_.clear();
        for (Fiber& fiber : fibers_) fiber.state = State::Ready;
        returned_ = at_barrier_ = 0;
        // Odd: every thread once.
        const unsigned step = order % 4 == 0 ? 1 : order % 4 == 1 ? THREADS - 1 : 2 * order + 1;
        while (returned_ < THREADS) {
            bool any = false;
            for (unsigned turn = 0; turn < THREADS; ++turn) {
                const unsigned thread = (turn * step + (order % 4 == 1 ? THREADS - 1 : 0)) % THREADS;
                if (fibers_[thread].state != State::Ready) continue;
                any = true;
                current_ = thread;
                here.thread = {thread, 0, 0};
                resume(fibers_[thread]);
            }
            if (!any) report_waiting();
        }
        for (const SharedArray& array : shared_) check_margins(array);
    }

    void wait_at_barrier(Line line) {
        Fiber& own = fibers_[current_];
        own.state = State::AtBarrier;
        own.line = line;
        if (++at_barrier_ < THREADS) return leave();
        at_barrier_ = 0;
        for (Fiber& fiber : fibers_) {
            if (fiber.line.number != line.number) report_waiting();
            fiber.state = State::Ready;
        }
    }

    std::uint64_t wait_in_exchange(Exchange kind, unsigned mask, std::uint64_t value,
                                   unsigned source, Line line) {
        Fiber& own = fibers_[current_];
        own.state = State::InExchange;
        own.line = line;
        own.kind = kind;
        own.mask = mask;
        own.value = value;
        own.source = source;
        if ((mask >> current_ % LANES & 1) == 0) {
            fail("%s: thread %u at %s:%d is not in its own mask %08x", where().c_str(), current_,
                 line.file, line.number, mask);
        }
        if (all_there(own)) {
            hand_out(own);
        } else {
            leave();
        }
        return own.value;
    }

    void open(void* before, void* values, std::size_t bytes, void* after) {
        for (const SharedArray& array : shared_) {
            if (array.before == before) return;
        }
        shared_.push_back({static_cast<unsigned char*>(before), static_cast<unsigned char*>(after)});
        std::memset(before, 0xff, MARGIN);
        std::memset(values, 0xff, bytes);
        std::memset(after, 0xff, MARGIN);
    }

    unsigned current() const { return current_; }

    [[noreturn]] void live() {
        for (;;) {
            if (_setjmp(fibers_[current_].place) == 0) _longjmp(scheduler_, 1);
            kernel_->kernel(arguments_);
            fibers_[current_].state = State::Returned;
            ++returned_;
        }
    }

private:
    // Apart: a jump may lose the variables of the function that it returns to.
    __attribute__((noinline)) void resume(Fiber& fiber) {
        if (_setjmp(scheduler_) == 0) _longjmp(fiber.place, 1);
    }

    __attribute__((noinline)) void leave() {
        if (_setjmp(fibers_[current_].place) == 0) _longjmp(scheduler_, 1);
    }

    Fiber* warp() { return fibers_ + current_ / LANES * LANES; }

    bool all_there(const Fiber& own) {
        // The lane that was missing before is the likeliest to be missing now.
        unsigned& missing = missing_[current_ / LANES];
        for (unsigned turn = 0; turn < LANES; ++turn) {
            const unsigned lane = (missing + turn) % LANES;
            if ((own.mask >> lane & 1) == 0) continue;
            const Fiber& other = warp()[lane];
            if (other.state != State::InExchange || other.mask != own.mask ||
                other.kind != own.kind || other.line.number != own.line.number) {
                missing = lane;
                return false;
            }
        }
        return true;
    }

    void hand_out(const Fiber& own) {
        const unsigned mask = own.mask;
        std::uint64_t given[LANES], ballot = 0;
        for (unsigned lane = 0; lane < LANES; ++lane) {
            const bool there = mask >> lane & 1;
            given[lane] = there ? warp()[lane].value : NOBODY;
            if (there && given[lane] != 0) ballot |= std::uint64_t(1) << lane;
        }
        for (unsigned lane = 0; lane < LANES; ++lane) {
            if ((mask >> lane & 1) == 0) continue;
            Fiber& fiber = warp()[lane];
            fiber.value = fiber.kind == Exchange::Shuffle ? given[fiber.source] : ballot;
            fiber.state = State::Ready;
        }
    }

    std::string where() const {
        return std::string("kernel ") + kernel_->name + " of " + kernel_->codec + " " +
               kernel_->element + ", block " + std::to_string(here.block.x) + "," +
               std::to_string(here.block.y);
    }

    [[noreturn]] void report_waiting() {
        std::string text = where() + ": threads wait for others that never come:";
        unsigned count = 0;
        for (unsigned thread = 0; thread < THREADS; ++thread) {
            const Fiber& fiber = fibers_[thread];
            const Fiber* before = thread == 0 ? nullptr : &fibers_[thread - 1];
            if (before && before->state == fiber.state && before->line.number == fiber.line.number) {
                continue;
            }
            if (++count > 8) break;
            text += "\n  from thread " + std::to_string(thread) + ": ";
            if (fiber.state == State::Returned) {
                text += "returned";
            } else {
                text += fiber.state == State::AtBarrier ? "barrier" : "exchange in a warp";
                text += std::string(" at ") + fiber.line.file + ":" + std::to_string(fiber.line.number);
            }
        }
        fail("%s", text.c_str());
    }

    void check_margins(const SharedArray& array) const {
        for (std::size_t at = 0; at < MARGIN; ++at) {
            if (array.before[at] != 0xff || array.after[at] != 0xff) {
                fail("%s: wrote outside of a shared array", where().c_str());
            }
        }
    }

    Fiber fibers_[THREADS];
    jmp_buf scheduler_;
    unsigned missing_[THREADS / LANES] = {};
    unsigned current_ = 0, returned_ = 0, at_barrier_ = 0;
    const Registered* kernel_ = nullptr;
    const void* arguments_ = nullptr;
    std::vector<SharedArray> shared_;
    std::size_t page_, stride_, bytes_;
    char* stacks_;
};

thread_local std::unique_ptr<Fibers> fibers;

void fiber_main() { fibers->live(); }

std::vector<Registered>& kernels() {
    static std::vector<Registered> all;
    return all;
}

/// Counts launches, which changes the orders.
std::atomic<unsigned> launches{0};

}  // namespace

Registrar::Registrar(const char* codec, const char* element, const char* name, Kernel kernel,
                     std::size_t argument_bytes) {
    kernels().push_back({codec, element, name, kernel, argument_bytes});
}

const std::vector<Registered>& registered() { return kernels(); }

void run_grid(const Registered& kernel, const void* arguments, Three grid) {
    if (!fibers) {
        fibers = std::make_unique<Fibers>();
        fibers->start();
    }
    const std::uint64_t blocks = std::uint64_t(grid.x) * grid.y;
    const unsigned launch = launches++;
    std::uint64_t step = (launch * 7919 + 10007) % blocks | 1;
    while (std::gcd(step, blocks) != 1) step += 2;
    here.grid = grid;
    for (std::uint64_t turn = 0, block = launch % blocks; turn < blocks; ++turn) {
        here.block = {unsigned(block % grid.x), unsigned(block / grid.x), 0};
        fibers->run_block(kernel, arguments, unsigned(turn + launch));
        block = (block + step) % blocks;
    }
}

void barrier(Line line) { fibers->wait_at_barrier(line); }

std::uint64_t exchange(Exchange kind, unsigned mask, std::uint64_t value, unsigned source,
                       Line line) {
    return fibers->wait_in_exchange(kind, mask, value, source, line);
}

unsigned lane() { return fibers->current() % LANES; }

void open_shared(void* before, void* values, std::size_t bytes, void* after) {
    fibers->open(before, values, bytes, after);
}

}  // namespace shim
