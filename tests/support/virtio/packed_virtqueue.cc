#include "support/virtio/packed_virtqueue.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

namespace podwarp::test {

PackedVirtqueue::PackedVirtqueue(const VringLayout& layout, bool event_index, bool in_order)
    : Virtqueue(layout),
      event_index_(event_index),
      in_order_(in_order),
      free_count_(layout.size),
      chains_(layout.size),
      order_(layout.size) {}

inline void PackedVirtqueue::Advance(Position& position, uint16_t descriptors) const {
  position.index += descriptors;
  if (position.index < layout_.size) return;
  position.index -= layout_.size;
  position.wrap = !position.wrap;
}

bool PackedVirtqueue::Add(const Buffer& buffer) {
  const uint16_t write = buffer.device_writes ? kDescWrite : 0;
  const size_t pieces = buffer.pieces.size();
  const size_t needed = buffer.indirect_table == nullptr ? pieces : 1;
  if (needed > free_count_) return false;

  Chain& chain = chains_[buffer.id];
  CHECK(!chain.with_device) << "buffer " << buffer.id << " is with the device";
  chain.rest.clear();
  if (buffer.indirect_table != nullptr) {
    auto* table = reinterpret_cast<PvirtqDesc*>(buffer.indirect_table->data);
    for (size_t i = 0; i < pieces; ++i) {
      table[i] = {
          .addr = buffer.pieces[i].address, .len = buffer.pieces[i].bytes, .id = 0, .flags = write};
    }
    chain.first = {.addr = buffer.indirect_table->address,
                   .len = static_cast<uint32_t>(pieces * sizeof(PvirtqDesc)),
                   .id = buffer.id,
                   .flags = kDescIndirect};
  } else {
    for (size_t i = 0; i < pieces; ++i) {
      const uint16_t next = i + 1 < pieces ? kDescNext : 0;
      const PvirtqDesc descriptor = {.addr = buffer.pieces[i].address,
                                     .len = buffer.pieces[i].bytes,
                                     .id = buffer.id,
                                     .flags = static_cast<uint16_t>(write | next)};
      if (i == 0) {
        chain.first = descriptor;
      } else {
        chain.rest.push_back(descriptor);
      }
    }
  }
  WriteChain(chain);
  chain.with_device = true;
  if (in_order_) order_[(order_head_ + order_count_++) & (layout_.size - 1)] = buffer.id;
  return true;
}

inline void PackedVirtqueue::WriteChain(const Chain& chain) {
  Write(chain.first);
  for (const PvirtqDesc& descriptor : chain.rest) Write(descriptor);
  free_count_ -= chain.descriptors();
}

inline void PackedVirtqueue::Write(const PvirtqDesc& descriptor) {
  PvirtqDesc& at = layout_.packed()[next_available_.index];
  at.addr = descriptor.addr;
  at.len = descriptor.len;
  at.id = descriptor.id;
  const uint16_t round = next_available_.wrap ? kDescAvail : kDescUsed;
  const auto flags = static_cast<uint16_t>(descriptor.flags | round);
  if (unpublished_++ == 0) {
    first_unpublished_ = next_available_.index;
    first_flags_ = flags;
  } else {
    __atomic_store_n(&at.flags, flags, __ATOMIC_RELEASE);
  }
  Advance(next_available_, 1);
}

bool PackedVirtqueue::Publish() {
  if (unpublished_ == 0) return false;
  // Sequentially consistent: written before the device's wish is read (2.8.21.3).
  __atomic_store_n(&layout_.packed()[first_unpublished_].flags, first_flags_, __ATOMIC_SEQ_CST);
  const auto old = static_cast<uint16_t>(next_available_.index - unpublished_);
  unpublished_ = 0;

  const PvirtqEvent* wish = layout_.device_event();
  switch (__atomic_load_n(&wish->flags, __ATOMIC_SEQ_CST)) {
    case kEventDisable:
      return false;
    case kEventDesc: {
      // An index of the round before counts down from 0.
      const uint16_t event = __atomic_load_n(&wish->off_wrap, __ATOMIC_ACQUIRE);
      const bool same_round = (event >> 15 != 0) == next_available_.wrap;
      const auto index = static_cast<uint16_t>((event & 0x7fff) - (same_round ? 0 : layout_.size));
      return PassesEvent(index, next_available_.index, old);
    }
    default:
      return true;
  }
}

inline bool PackedVirtqueue::IsUsed() const {
  const uint16_t flags =
      __atomic_load_n(&layout_.packed()[next_used_.index].flags, __ATOMIC_ACQUIRE);
  const bool available = (flags & kDescAvail) != 0;
  const bool used = (flags & kDescUsed) != 0;
  return available == used && used == next_used_.wrap;
}

inline bool PackedVirtqueue::NextUsed(Used* used) {
  if (!batch_) {
    if (!IsUsed()) return false;
    const PvirtqDesc& descriptor = layout_.packed()[next_used_.index];
    *used = {.id = descriptor.id, .bytes = descriptor.len};
    if (used->id >= layout_.size || !chains_[used->id].with_device) [[unlikely]] {
      ADD_FAILURE() << "the device gives back buffer " << used->id << ", which it doesn't have";
      Advance(next_used_, 1);
      return NextUsed(used);
    }
    if (in_order_) batch_ = *used;
  }
  // In order one descriptor stands for all buffers up to the one that it names.
  if (in_order_) {
    const uint16_t oldest = order_[order_head_++ & (layout_.size - 1)];
    --order_count_;
    *used = {.id = oldest, .bytes = oldest == batch_->id ? batch_->bytes : 0};
    if (oldest == batch_->id) batch_.reset();
  }
  Advance(next_used_, chains_[used->id].descriptors());
  free_count_ += chains_[used->id].descriptors();
  return true;
}

bool PackedVirtqueue::TakeUsed(Used* used) {
  if (!NextUsed(used)) return false;
  chains_[used->id].with_device = false;
  return true;
}

uint32_t PackedVirtqueue::Recycle(uint32_t limit) {
  uint32_t recycled = 0;
  for (Used used; recycled < limit && NextUsed(&used); ++recycled) {
    WriteChain(chains_[used.id]);
    if (in_order_) order_[(order_head_ + order_count_++) & (layout_.size - 1)] = used.id;
  }
  return recycled;
}

void PackedVirtqueue::CallNever() {
  __atomic_store_n(&layout_.driver_event()->flags, kEventDisable, __ATOMIC_SEQ_CST);
}

void PackedVirtqueue::CallAlways() {
  __atomic_store_n(&layout_.driver_event()->flags, kEventEnable, __ATOMIC_SEQ_CST);
}

void PackedVirtqueue::CallAfter(uint16_t descriptors) {
  CHECK(event_index_) << "needs kRingEventIndex";
  Position at = next_used_;
  Advance(at, descriptors - 1);
  layout_.driver_event()->off_wrap = at.ToEvent();
  __atomic_store_n(&layout_.driver_event()->flags, kEventDesc, __ATOMIC_SEQ_CST);
}

uint16_t PackedVirtqueue::Base() const { return next_used_.ToEvent(); }

}  // namespace podwarp::test
