// Device memory: ordinary memory, watched.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shim::memory {

using Address = std::uint64_t;

/// What a device has, of `PRELU_MEM_SHIM_MEMORY`.
std::size_t total_bytes();
std::size_t free_bytes(int device);

/// Memory that holds 0xff; 0 where the device has not enough.
Address allocate(int device, std::size_t bytes);

/// Takes note that the memory at this address is about to be freed; false where none begins there.
bool condemn(Address address);

/// Frees what was condemned. It is filled with another pattern and kept for a while: a write to it
/// ends the process.
void release(Address address);

/// Whether the bytes are in memory that is neither freed nor condemned; its device, if so.
bool find(Address address, std::size_t bytes, int* device);

/// Gives a device's freed memory back to it.
void trim(int device);

/// Ends the process where something beside an allocation was overwritten; `when` is for the message.
void check(const char* when);

}  // namespace shim::memory
