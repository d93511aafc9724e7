// The driver's side of a virtqueue: gives buffers to a device, and takes them back used.
//
//   queue->Add({.id = 3, .pieces = pieces});       // the device doesn't see it yet
//   if (queue->Publish()) kick();                  // now it sees all that were added
//   for (Used used; queue->TakeUsed(&used);) ...   // buffer used.id is the driver's again
//
// A buffer is known by its id, 0 to size - 1; it is with the device from Add() to TakeUsed().
// What the device does against the specification fails the test, and is left out.
//
// Thread rule: one thread at a time.
// Source: Virtual I/O Device 1.2, 2.7 (split), 2.8 (packed), 2.9 and 2.7.9, 2.8.14 (in order).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "support/virtio/guest_memory.h"
#include "support/virtio/vring_layout.h"

namespace podwarp::test {

class Virtqueue {
 public:
  struct Buffer {
    uint16_t id;
    std::span<const Piece> pieces;  // a descriptor each
    bool device_writes = false;
    // Where the pieces' descriptors stand if they are to be indirect.
    const GuestMemory::Chunk* indirect_table = nullptr;
  };
  struct Used {
    uint16_t id;
    uint32_t bytes;  // written by the device
  };

  // Split or packed, with or without EVENT_IDX and IN_ORDER, as in `features`. The ring is cleared.
  static std::unique_ptr<Virtqueue> Create(const VringLayout& layout, uint64_t features);
  virtual ~Virtqueue() = default;

  // False if there aren't enough free descriptors.
  virtual bool Add(const Buffer& buffer) = 0;
  // Shows the device what was added, by one write. Returns whether it wants to be kicked for that.
  virtual bool Publish() = 0;
  virtual bool TakeUsed(Used* used) = 0;
  // Takes back up to `limit` buffers and adds each again as it was. Returns how many. This is the
  // fast way: a few cycles a buffer, and nothing but the ring is touched.
  virtual uint32_t Recycle(uint32_t limit) = 0;

  // How the device is to call when it has used buffers; at first never. It may call more often than
  // it is told to. CallAfter: once, when it has used so many descriptors more; REQUIRES EVENT_IDX.
  virtual void CallNever() = 0;
  virtual void CallAlways() = 0;
  virtual void CallAfter(uint16_t descriptors) = 0;

  // What SET_VRING_BASE says for a device that is to go on where another stopped. REQUIRES:
  // TakeUsed() found nothing.
  virtual uint16_t Base() const = 0;

  const VringLayout& layout() const { return layout_; }

 protected:
  explicit Virtqueue(const VringLayout& layout) : layout_(layout) {}

  const VringLayout layout_;
};

}  // namespace podwarp::test
