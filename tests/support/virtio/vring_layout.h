// The bytes of a ring in guest memory, split or packed: what driver and device both read and write.
//
// Numbers are little-endian, as the machines are that podwarp runs on. Names are the
// specification's.
// Source: Virtual I/O Device 1.2, 2.7 (struct virtq_...) and 2.8 (struct pvirtq_...).
#pragma once

#include <cstdint>

#include "support/virtio/guest_memory.h"

namespace podwarp::test {

struct VirtqDesc {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};
struct VirtqAvail {
  uint16_t flags;
  uint16_t idx;
  uint16_t ring[];  // and behind it used_event
};
struct VirtqUsedElem {
  uint32_t id;
  uint32_t len;
};
struct VirtqUsed {
  uint16_t flags;
  uint16_t idx;
  VirtqUsedElem ring[];  // and behind it avail_event
};
struct PvirtqDesc {
  uint64_t addr;
  uint32_t len;
  uint16_t id;
  uint16_t flags;
};
struct PvirtqEvent {
  uint16_t off_wrap;  // index, and the wrap counter as bit 15
  uint16_t flags;
};
static_assert(sizeof(VirtqDesc) == 16 && sizeof(PvirtqDesc) == 16 && sizeof(VirtqUsedElem) == 8);

// Of a descriptor.
inline constexpr uint16_t kDescNext = 1;
inline constexpr uint16_t kDescWrite = 2;
inline constexpr uint16_t kDescIndirect = 4;
inline constexpr uint16_t kDescAvail = 1 << 7;  // packed only, like the next
inline constexpr uint16_t kDescUsed = 1 << 15;
// VirtqAvail and VirtqUsed.
inline constexpr uint16_t kAvailNoInterrupt = 1;
inline constexpr uint16_t kUsedNoNotify = 1;
// PvirtqEvent.
inline constexpr uint16_t kEventEnable = 0;
inline constexpr uint16_t kEventDisable = 1;
inline constexpr uint16_t kEventDesc = 2;

// Whether an index that goes from `before` to `now`, modulo 65536, passes `event` (2.7.10).
inline bool PassesEvent(uint16_t event, uint16_t now, uint16_t before) {
  return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

// One ring. A hostile driver writes here what it likes, and no Virtqueue uses it then.
struct VringLayout {
  uint16_t size = 0;          // descriptors: a power of two
  GuestMemory::Chunk table;   // descriptors: split, or the packed ring itself
  GuestMemory::Chunk driver;  // the available ring, or the driver's event suppression
  GuestMemory::Chunk device;  // the used ring, or the device's event suppression

  // Room for either kind.
  static VringLayout Allocate(GuestMemory& memory, uint16_t size);
  static uint64_t BytesFor(uint16_t size);
  void Clear() const;

  // Split.
  VirtqDesc* desc() const { return reinterpret_cast<VirtqDesc*>(table.data); }
  VirtqAvail* avail() const { return reinterpret_cast<VirtqAvail*>(driver.data); }
  VirtqUsed* used() const { return reinterpret_cast<VirtqUsed*>(device.data); }
  uint16_t* used_event() const { return &avail()->ring[size]; }
  uint16_t* avail_event() const { return reinterpret_cast<uint16_t*>(&used()->ring[size]); }
  // Packed.
  PvirtqDesc* packed() const { return reinterpret_cast<PvirtqDesc*>(table.data); }
  PvirtqEvent* driver_event() const { return reinterpret_cast<PvirtqEvent*>(driver.data); }
  PvirtqEvent* device_event() const { return reinterpret_cast<PvirtqEvent*>(device.data); }
};

}  // namespace podwarp::test
