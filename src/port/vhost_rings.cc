#include "port/vhost_rings.h"

#include <rte_vhost.h>

#include <bit>
#include <cstdlib>

namespace podwarp {
namespace {

// Feature bits: Virtio 1.2, 5.1.3 and 6; the vhost-user protocol has the one for logging.
constexpr uint64_t Bit(int bit) { return uint64_t{1} << bit; }
constexpr uint64_t kGuestChecksum = Bit(1);
constexpr uint64_t kMergeableBuffers = Bit(15);
constexpr uint64_t kLogAll = Bit(26);
constexpr uint64_t kEventIndex = Bit(29);
constexpr uint64_t kVersion1 = Bit(32);
constexpr uint64_t kIommu = Bit(33);
constexpr uint64_t kPackedRings = Bit(34);
// Checksum, and segments of all kinds, that the guest may leave to us.
constexpr uint64_t kHostOffloads = Bit(0) | Bit(11) | Bit(12) | Bit(13) | Bit(14);

constexpr uint16_t kWrapBit = 1 << 15;
constexpr uint8_t kLegacyHeaderBytes = 10;  // without the number of buffers
constexpr uint8_t kHeaderBytes = 12;

void SetFeatures(VhostRing& ring, uint64_t features) {
  ring.is_packed = (features & kPackedRings) != 0;
  ring.is_mergeable = (features & kMergeableBuffers) != 0;
  ring.has_event_index = (features & kEventIndex) != 0;
  ring.has_offloads = (features & kHostOffloads) != 0;
  ring.takes_offloads = (features & kGuestChecksum) != 0;
  ring.header_bytes = (features & (kMergeableBuffers | kVersion1 | kPackedRings)) != 0
                          ? kHeaderBytes
                          : kLegacyHeaderBytes;
}

// librte_vhost says where the parts of a ring are even if it found that they lie in the guest's
// memory only to a part. False: not a ring to be used.
bool SetPlace(VhostRing& ring, const rte_vhost_vring& vring, uint16_t next) {
  const VhostMemory& memory = ring.memory;
  ring.size = vring.size;
  ring.call_fd = vring.callfd;
  ring.is_new = true;
  ring.wrap = ring.is_packed && (next & kWrapBit) != 0;
  ring.next = ring.is_packed ? static_cast<uint16_t>(next & ~kWrapBit) : next;
  if (ring.is_packed) {
    ring.packed = reinterpret_cast<PackedDescriptor*>(vring.desc_packed);
    ring.driver_event = reinterpret_cast<const PackedEvent*>(vring.driver_event);
    ring.device_event = reinterpret_cast<PackedEvent*>(vring.device_event);
    return ring.next < ring.size &&
           memory.Holds(ring.packed, ring.size * sizeof(PackedDescriptor)) &&
           memory.Holds(ring.driver_event, sizeof(PackedEvent)) &&
           memory.Holds(ring.device_event, sizeof(PackedEvent));
  }
  ring.split = reinterpret_cast<const SplitDescriptor*>(vring.desc);
  ring.available = reinterpret_cast<const SplitAvailable*>(vring.avail);
  ring.used = reinterpret_cast<SplitUsed*>(vring.used);
  const size_t event = ring.has_event_index ? sizeof(uint16_t) : 0;
  return std::has_single_bit(ring.size) &&
         memory.Holds(ring.split, ring.size * sizeof(SplitDescriptor)) &&
         memory.Holds(ring.available,
                      sizeof(SplitAvailable) + ring.size * sizeof(uint16_t) + event) &&
         memory.Holds(ring.used, sizeof(SplitUsed) + ring.size * sizeof(SplitUsedElement) + event);
}

bool SetMemory(VhostRing& ring, int handle) {
  rte_vhost_memory* table = nullptr;
  if (rte_vhost_get_mem_table(handle, &table) != 0) return false;
  const std::unique_ptr<rte_vhost_memory, decltype(&std::free)> owned(table, std::free);
  return ring.memory.Assign(*table);
}

}  // namespace

bool VhostRings::CanServe(uint64_t features) { return (features & (kLogAll | kIommu)) == 0; }

void VhostRings::Give(int handle, uint16_t index, uint64_t features) {
  if (given_[index].load(std::memory_order_relaxed) != nullptr) return;
  rte_vhost_vring vring;
  uint16_t available;
  uint16_t used;
  if (rte_vhost_get_vhost_vring(handle, index, &vring) != 0 ||
      rte_vhost_get_vring_base(handle, index, &available, &used) != 0) {
    return;
  }
  if (rings_[index] == nullptr) rings_[index] = std::make_unique<VhostRing>();
  VhostRing& ring = *rings_[index];
  SetFeatures(ring, features);
  if (!SetMemory(ring, handle) || !SetPlace(ring, vring, available)) return;
  // What buffers the guest has given to receive in is looked at when there is a frame for it.
  if (index % 2 == 0) ring.SetNotification(false);
  given_[index].store(&ring, std::memory_order_release);
}

void VhostRings::TakeBack(int handle) {
  bool has_any = false;
  std::array<bool, kRings> was_given = {};
  for (uint16_t i = 0; i < kRings; ++i) {
    was_given[i] = given_[i].exchange(nullptr) != nullptr;
    has_any |= was_given[i];
  }
  if (!has_any) return;
  rcu_.WaitForReaders();
  for (uint16_t i = 0; i < kRings; ++i) {
    if (!was_given[i]) continue;
    const VhostRing& ring = *rings_[i];
    ring.SeeWhatWasDone();
    const auto next = static_cast<uint16_t>(ring.next | (ring.wrap ? kWrapBit : 0));
    rte_vhost_set_vring_base(handle, i, next, next);
  }
}

}  // namespace podwarp
