// A guest's memory as podwarp has it mapped: what stands at an address that the guest knows.
//
// Nothing that a guest says about addresses is believed. What Find() returns lies wholly in memory
// that the guest has shared, though the guest can still take the memory away: see
// platform/shared_memory_fault.h.
//
// Thread rule: constant while workers use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

struct rte_vhost_memory;

namespace podwarp {

class VhostMemory {
 public:
  struct Region {
    uint64_t address = 0;  // the guest's ("guest-physical"): those in descriptors
    uint64_t bytes = 0;
    uint8_t* data = nullptr;

    // Null unless all `length` bytes from `at` on lie in the region. No sum, no overflow.
    uint8_t* Find(uint64_t at, uint64_t length) const {
      const uint64_t offset = at - address;
      return offset < bytes && length <= bytes - offset ? data + offset : nullptr;
    }
  };

  // False if there are more regions than vhost-user allows.
  bool Assign(const rte_vhost_memory& table);

  // The first `length` bytes at `at`, or as many as there are in one region: `length` is shortened.
  // Null if there are none.
  uint8_t* FindPart(uint64_t at, uint32_t* length) const;
  // Copies `bytes` bytes that are in one region, once. False if they aren't.
  bool Read(uint64_t at, void* to, uint32_t bytes) const;
  // The region that holds `at`, or an empty one.
  const Region& RegionOf(uint64_t at) const;
  // Whether these bytes of ours are within one region.
  bool Holds(const void* data, size_t bytes) const;

 private:
  static constexpr size_t kMaxRegions = 8;

  std::array<Region, kMaxRegions + 1> regions_;  // the last one is empty
  size_t count_ = 0;
};

// Finds addresses one after the other: nearly all are in the region that the last one was in.
class VhostAddressFinder {
 public:
  explicit VhostAddressFinder(const VhostMemory& memory)
      : memory_(memory), region_(memory.RegionOf(0)) {}

  uint8_t* Find(uint64_t at, uint64_t length) {
    uint8_t* const found = region_.Find(at, length);
    if (found != nullptr) [[likely]]
      return found;
    region_ = memory_.RegionOf(at);
    return region_.Find(at, length);
  }

 private:
  const VhostMemory& memory_;
  VhostMemory::Region region_;
};

}  // namespace podwarp
