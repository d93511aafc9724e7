#include "port/vhost_memory.h"

#include <rte_atomic.h>
#include <rte_vhost.h>

#include <algorithm>
#include <cstring>

namespace podwarp {

bool VhostMemory::Assign(const rte_vhost_memory& table) {
  if (table.nregions > kMaxRegions) return false;
  count_ = table.nregions;
  for (size_t i = 0; i < count_; ++i) {
    const rte_vhost_mem_region& region = table.regions[i];
    regions_[i] = {.address = region.guest_phys_addr,
                   .bytes = region.size,
                   .data = reinterpret_cast<uint8_t*>(region.host_user_addr)};
  }
  regions_[count_] = {};
  return true;
}

const VhostMemory::Region& VhostMemory::RegionOf(uint64_t at) const {
  size_t i = 0;
  while (i < count_ && at - regions_[i].address >= regions_[i].bytes) ++i;
  return regions_[i];
}

uint8_t* VhostMemory::FindPart(uint64_t at, uint32_t* length) const {
  const Region& region = RegionOf(at);
  if (region.bytes == 0) return nullptr;
  const uint64_t offset = at - region.address;
  *length = static_cast<uint32_t>(std::min<uint64_t>(*length, region.bytes - offset));
  return region.data + offset;
}

bool VhostMemory::Read(uint64_t at, void* to, uint32_t bytes) const {
  const uint8_t* const from = RegionOf(at).Find(at, bytes);
  if (from == nullptr) return false;
  std::memcpy(to, from, bytes);
  rte_compiler_barrier();  // nobody reads there again instead of in the copy
  return true;
}

bool VhostMemory::Holds(const void* data, size_t bytes) const {
  return std::any_of(regions_.begin(), regions_.begin() + count_, [&](const Region& region) {
    const uint64_t offset =
        reinterpret_cast<uintptr_t>(data) - reinterpret_cast<uintptr_t>(region.data);
    return offset < region.bytes && bytes <= region.bytes - offset;
  });
}

}  // namespace podwarp
