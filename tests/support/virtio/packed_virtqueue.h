// A packed virtqueue: one ring that driver and device both write (VIRTIO 1.2, 2.8).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "support/virtio/virtqueue.h"

namespace podwarp::test {

class PackedVirtqueue : public Virtqueue {
 public:
  PackedVirtqueue(const VringLayout& layout, bool event_index, bool in_order);

  bool Add(const Buffer& buffer) override;
  bool Publish() override;
  bool TakeUsed(Used* used) override;
  uint32_t Recycle(uint32_t limit) override;
  void CallNever() override;
  void CallAlways() override;
  void CallAfter(uint16_t descriptors) override;
  uint16_t Base() const override;

 private:
  // A place in the ring, and the round in which it is: the wrap counter.
  struct Position {
    uint16_t index = 0;
    bool wrap = true;
    uint16_t ToEvent() const { return static_cast<uint16_t>(index | wrap << 15); }
  };
  // A buffer's descriptors as they were written, without the flags of a round.
  struct Chain {
    bool with_device = false;
    PvirtqDesc first = {};
    std::vector<PvirtqDesc> rest;
    uint16_t descriptors() const { return static_cast<uint16_t>(1 + rest.size()); }
  };

  void Advance(Position& position, uint16_t descriptors) const;
  void Write(const PvirtqDesc& descriptor);
  void WriteChain(const Chain& chain);
  bool IsUsed() const;
  bool NextUsed(Used* used);

  const bool event_index_;
  const bool in_order_;

  Position next_available_;
  Position next_used_;
  uint16_t free_count_;
  uint16_t unpublished_ = 0;        // descriptors
  uint16_t first_unpublished_ = 0;  // its flags are written last, so that all appear at once
  uint16_t first_flags_ = 0;

  std::vector<Chain> chains_;  // by buffer id

  // In order only: what the device has, oldest first, and what is told of the batch being taken.
  std::vector<uint16_t> order_;  // a circle
  uint16_t order_head_ = 0;
  uint16_t order_count_ = 0;
  std::optional<Used> batch_;
};

}  // namespace podwarp::test
