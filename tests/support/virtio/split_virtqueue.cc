#include "support/virtio/split_virtqueue.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

#include <numeric>

namespace podwarp::test {

SplitVirtqueue::SplitVirtqueue(const VringLayout& layout, bool event_index, bool in_order)
    : Virtqueue(layout),
      event_index_(event_index),
      in_order_(in_order),
      free_(layout.size),
      free_count_(layout.size),
      chains_(layout.size),
      nexts_(layout.size) {
  std::iota(free_.begin(), free_.end(), uint16_t{0});
}

bool SplitVirtqueue::Add(const Buffer& buffer) {
  const uint16_t write = buffer.device_writes ? kDescWrite : 0;
  const auto pieces = static_cast<uint16_t>(buffer.pieces.size());
  const uint16_t needed = buffer.indirect_table == nullptr ? pieces : 1;
  if (needed > free_count_) return false;

  const uint16_t head = free_[Slot(free_head_)];
  if (buffer.indirect_table != nullptr) {
    auto* table = reinterpret_cast<VirtqDesc*>(buffer.indirect_table->data);
    for (uint16_t i = 0; i < pieces; ++i) {
      const bool last = i + 1 == pieces;
      table[i] = {.addr = buffer.pieces[i].address,
                  .len = buffer.pieces[i].bytes,
                  .flags = static_cast<uint16_t>(write | (last ? 0 : kDescNext)),
                  .next = static_cast<uint16_t>(last ? 0 : i + 1)};
    }
    layout_.desc()[head] = {.addr = buffer.indirect_table->address,
                            .len = static_cast<uint32_t>(pieces * sizeof(VirtqDesc)),
                            .flags = kDescIndirect,
                            .next = 0};
  } else {
    for (uint16_t i = 0; i < pieces; ++i) {
      const bool last = i + 1 == pieces;
      const uint16_t at = free_[Slot(free_head_ + i)];
      if (!last) nexts_[at] = free_[Slot(free_head_ + i + 1)];
      layout_.desc()[at] = {.addr = buffer.pieces[i].address,
                            .len = buffer.pieces[i].bytes,
                            .flags = static_cast<uint16_t>(write | (last ? 0 : kDescNext)),
                            .next = last ? uint16_t{0} : nexts_[at]};
    }
  }
  free_head_ += needed;
  free_count_ -= needed;
  chains_[head] = {.buffer = buffer.id, .descriptors = needed};
  SetAvailable(head);
  return true;
}

// In the steady state the same heads come round in the same places: a line that needn't be written
// stays shared with the device's core.
inline void SplitVirtqueue::SetAvailable(uint16_t head) {
  uint16_t& entry = layout_.avail()->ring[Slot(next_available_++)];
  if (entry != head) entry = head;
}

bool SplitVirtqueue::Publish() {
  if (published_ == next_available_) return false;
  const uint16_t old = published_;
  published_ = next_available_;
  // Sequentially consistent: written before the device's wish is read (2.7.13.3).
  __atomic_store_n(&layout_.avail()->idx, published_, __ATOMIC_SEQ_CST);
  if (event_index_) {
    const uint16_t event = __atomic_load_n(layout_.avail_event(), __ATOMIC_SEQ_CST);
    return PassesEvent(event, published_, old);
  }
  return (__atomic_load_n(&layout_.used()->flags, __ATOMIC_SEQ_CST) & kUsedNoNotify) == 0;
}

inline uint16_t SplitVirtqueue::UsedIndex() const {
  return __atomic_load_n(&layout_.used()->idx, __ATOMIC_ACQUIRE);
}

// REQUIRES: there is one. In order: the device may write only the last entry of a batch, so what it
// has used follows from the order of what was made available.
inline bool SplitVirtqueue::NextUsed(uint16_t* head, uint32_t* bytes) {
  const unsigned slot = Slot(next_used_++);
  const VirtqUsedElem& entry = layout_.used()->ring[slot];
  const uint32_t id = in_order_ ? layout_.avail()->ring[slot] : entry.id;
  *bytes = entry.id == id ? entry.len : 0;
  if (id >= layout_.size || chains_[id].descriptors == 0) [[unlikely]] {
    ADD_FAILURE() << "the device gives back descriptor " << id << ", which it doesn't have";
    return false;
  }
  *head = static_cast<uint16_t>(id);
  return true;
}

bool SplitVirtqueue::TakeUsed(Used* used) {
  for (;;) {
    if (next_used_ == UsedIndex()) {
      RenewUsedEvent();
      if (next_used_ == UsedIndex()) return false;
    }
    uint16_t head;
    if (!NextUsed(&head, &used->bytes)) continue;
    used->id = chains_[head].buffer;
    for (uint16_t i = chains_[head].descriptors, at = head; i > 0; --i, at = nexts_[at]) {
      free_[Slot(free_head_ + free_count_++)] = at;
    }
    chains_[head].descriptors = 0;
    return true;
  }
}

uint32_t SplitVirtqueue::Recycle(uint32_t limit) {
  uint32_t recycled = 0;
  uint16_t ready = UsedIndex() - next_used_;
  while (recycled < limit && ready-- > 0) {
    uint16_t head;
    uint32_t bytes;
    if (!NextUsed(&head, &bytes)) continue;
    SetAvailable(head);
    ++recycled;
  }
  RenewUsedEvent();
  return recycled;
}

void SplitVirtqueue::SetCalls(Calls calls) {
  calls_ = calls;
  if (event_index_) {
    RenewUsedEvent();
  } else {
    layout_.avail()->flags = calls == Calls::kNever ? kAvailNoInterrupt : 0;
  }
}

void SplitVirtqueue::CallAfter(uint16_t descriptors) {
  CHECK(event_index_) << "needs kRingEventIndex";
  calls_ = Calls::kOnce;
  const auto event = static_cast<uint16_t>(next_used_ + descriptors - 1);
  __atomic_store_n(layout_.used_event(), event, __ATOMIC_SEQ_CST);
}

// The device calls when it passes this index; one that is half the circle ahead is never passed.
void SplitVirtqueue::RenewUsedEvent() {
  if (!event_index_ || calls_ == Calls::kOnce) return;
  const uint16_t ahead = calls_ == Calls::kNever ? 0x8000 : 0;
  __atomic_store_n(layout_.used_event(), static_cast<uint16_t>(next_used_ + ahead),
                   __ATOMIC_SEQ_CST);
}

}  // namespace podwarp::test
