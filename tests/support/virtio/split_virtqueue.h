// A split virtqueue: descriptor table, available ring and used ring (VIRTIO 1.2, 2.7).
#pragma once

#include <cstdint>
#include <vector>

#include "support/virtio/virtqueue.h"

namespace podwarp::test {

class SplitVirtqueue : public Virtqueue {
 public:
  SplitVirtqueue(const VringLayout& layout, bool event_index, bool in_order);

  bool Add(const Buffer& buffer) override;
  bool Publish() override;
  bool TakeUsed(Used* used) override;
  uint32_t Recycle(uint32_t limit) override;
  void CallNever() override { SetCalls(Calls::kNever); }
  void CallAlways() override { SetCalls(Calls::kAlways); }
  void CallAfter(uint16_t descriptors) override;
  uint16_t Base() const override { return next_used_; }

 private:
  enum class Calls { kNever, kAlways, kOnce };
  // What is known of the chain that starts with a descriptor.
  struct Chain {
    uint16_t buffer = 0;
    uint16_t descriptors = 0;  // 0 = not with the device
  };

  unsigned Slot(unsigned index) const { return index & (layout_.size - 1u); }
  uint16_t UsedIndex() const;
  bool NextUsed(uint16_t* head, uint32_t* bytes);
  void SetAvailable(uint16_t head);
  void SetCalls(Calls calls);
  void RenewUsedEvent();

  const bool event_index_;
  const bool in_order_;
  Calls calls_ = Calls::kNever;

  uint16_t next_available_ = 0;  // counts as the device's indexes do, modulo 65536
  uint16_t published_ = 0;
  uint16_t next_used_ = 0;

  std::vector<uint16_t> free_;  // descriptors, the next one at free_head_; a circle
  uint16_t free_head_ = 0;
  uint16_t free_count_;
  std::vector<Chain> chains_;    // by head
  std::vector<uint16_t> nexts_;  // what the descriptors say, out of the device's reach
};

}  // namespace podwarp::test
