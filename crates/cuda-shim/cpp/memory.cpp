// Before and behind each allocation lie bytes that nobody may write:
//
//     [ MARGIN bytes ][ the allocation, 256-byte aligned ][ up to the next 256 ][ MARGIN bytes ]
//
// The pool reserves memory from its device and keeps what is freed, as CUDA's does: a freed piece
// serves a later allocation that is not much smaller.
#include "memory.hpp"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "settings.hpp"
#include "shim.hpp"

namespace shim::memory {
namespace {

constexpr std::size_t ALIGNMENT = 256;
constexpr std::size_t MARGIN = 256;
constexpr unsigned char BESIDE = 0xa5, FRESH = 0xff, FREED = 0xfd;
/// Freed bytes that are watched.
constexpr std::size_t WATCHED = 32 << 20;

struct Allocation {
    int device;
    std::size_t bytes;
    /// Of the pool's, perhaps more than was asked for.
    std::size_t reserved;
    bool condemned;
};

struct Freed {
    Address address;
    std::size_t bytes;
};

struct Pool {
    /// Live and kept.
    std::size_t reserved = 0;
    std::multiset<std::size_t> kept;
};

std::mutex lock;
std::map<Address, Allocation> live;
std::deque<Freed> freed;
std::size_t freed_bytes = 0;
std::map<int, Pool> pools;

std::size_t rounded(std::size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

unsigned char* at(Address address) { return reinterpret_cast<unsigned char*>(address); }

bool holds(const unsigned char* bytes, std::size_t count, unsigned char value) {
    return count == 0 || (bytes[0] == value && std::memcmp(bytes, bytes + 1, count - 1) == 0);
}

void check_one(Address address, const Allocation& allocation, const char* when) {
    const std::size_t behind = rounded(allocation.bytes) - allocation.bytes + MARGIN;
    if (!holds(at(address) - MARGIN, MARGIN, BESIDE)) {
        fail("%s: something wrote before the allocation of %zu bytes at %#llx", when,
             allocation.bytes, (unsigned long long)address);
    }
    if (!holds(at(address) + allocation.bytes, behind, BESIDE)) {
        fail("%s: something wrote behind the allocation of %zu bytes at %#llx", when,
             allocation.bytes, (unsigned long long)address);
    }
}

void forget_oldest() {
    const Freed oldest = freed.front();
    freed.pop_front();
    freed_bytes -= oldest.bytes;
    if (!holds(at(oldest.address), oldest.bytes, FREED)) {
        fail("something wrote to the allocation of %zu bytes at %#llx after it was freed",
             oldest.bytes, (unsigned long long)oldest.address);
    }
    std::free(at(oldest.address) - MARGIN);
}

}  // namespace

std::size_t total_bytes() { return settings().memory; }

std::size_t free_bytes(int device) {
    const std::lock_guard<std::mutex> guard(lock);
    return total_bytes() - pools[device].reserved;
}

Address allocate(int device, std::size_t bytes) {
    const std::lock_guard<std::mutex> guard(lock);
    Pool& pool = pools[device];
    if (bytes > total_bytes()) return 0;
    std::size_t reserved = rounded(bytes);
    const auto kept = pool.kept.lower_bound(reserved);
    if (kept != pool.kept.end() && *kept <= 2 * reserved) {
        reserved = *kept;
        pool.kept.erase(kept);
    } else if (reserved > total_bytes() - pool.reserved) {
        return 0;
    } else {
        pool.reserved += reserved;
    }
    void* const own = std::aligned_alloc(ALIGNMENT, rounded(bytes) + 2 * MARGIN);
    if (own == nullptr) fail("the host has no %zu bytes left", bytes);
    unsigned char* const begin = static_cast<unsigned char*>(own) + MARGIN;
    std::memset(begin - MARGIN, BESIDE, MARGIN);
    std::memset(begin, FRESH, bytes);
    std::memset(begin + bytes, BESIDE, rounded(bytes) - bytes + MARGIN);
    const Address address = reinterpret_cast<Address>(begin);
    live[address] = {device, bytes, reserved, false};
    return address;
}

bool condemn(Address address) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto found = live.find(address);
    if (found == live.end() || found->second.condemned) return false;
    found->second.condemned = true;
    return true;
}

void release(Address address) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto found = live.find(address);
    const Allocation allocation = found->second;
    check_one(address, allocation, "freeing");
    live.erase(found);
    pools[allocation.device].kept.insert(allocation.reserved);
    std::memset(at(address), FREED, allocation.bytes);
    freed.push_back({address, allocation.bytes});
    freed_bytes += allocation.bytes;
    while (freed_bytes > WATCHED) forget_oldest();
}

bool find(Address address, std::size_t bytes, int* device) {
    const std::lock_guard<std::mutex> guard(lock);
    auto next = live.upper_bound(address);
    if (next == live.begin()) return false;
    const auto& [begin, allocation] = *--next;
    const std::size_t offset = address - begin;
    if (allocation.condemned || offset >= allocation.bytes || bytes > allocation.bytes - offset) {
        return false;
    }
    *device = allocation.device;
    return true;
}

void trim(int device) {
    const std::lock_guard<std::mutex> guard(lock);
    Pool& pool = pools[device];
    for (const std::size_t bytes : pool.kept) pool.reserved -= bytes;
    pool.kept.clear();
    while (!freed.empty()) forget_oldest();
}

void check(const char* when) {
    const std::lock_guard<std::mutex> guard(lock);
    for (const auto& [address, allocation] : live) check_one(address, allocation, when);
}

}  // namespace shim::memory
