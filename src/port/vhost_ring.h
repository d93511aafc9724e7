// One ring of a guest's device, as its two drivers see it: bytes that the guest can change at any
// moment, and how far podwarp has come in them.
//
// The guest is not trusted. Each number in its memory is read once, into a local, and checked
// there.
//
// Source: Virtual I/O Device 1.2, 2.7 (split) and 2.8 (packed); numbers are little-endian, as the
// machines are that podwarp runs on.
#pragma once

#include <rte_atomic.h>
#include <rte_pause.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>

#include "port/vhost_memory.h"

namespace podwarp {

// --- In the guest's memory. ---
struct SplitDescriptor {
  uint64_t address;
  uint32_t bytes;
  uint16_t flags;
  uint16_t next;
};
struct SplitAvailable {
  uint16_t flags;
  uint16_t index;
  uint16_t heads[];  // and behind them used_event
};
struct SplitUsedElement {
  uint32_t head;
  uint32_t bytes;
};
struct SplitUsed {
  uint16_t flags;
  uint16_t index;
  SplitUsedElement elements[];  // and behind them avail_event
};
struct PackedDescriptor {
  uint64_t address;
  uint32_t bytes;
  uint16_t id;
  uint16_t flags;
};
struct PackedEvent {
  uint16_t place;  // of a descriptor, and the wrap counter as bit 15
  uint16_t flags;
};
static_assert(sizeof(SplitDescriptor) == 16 && sizeof(PackedDescriptor) == 16);

inline constexpr uint16_t kDescriptorNext = 1;
inline constexpr uint16_t kDescriptorWrite = 2;  // for the device to write to
inline constexpr uint16_t kDescriptorIndirect = 4;
inline constexpr uint16_t kDescriptorAvailable = 1 << 7;  // packed, as the next
inline constexpr uint16_t kDescriptorUsed = 1 << 15;
inline constexpr uint16_t kNoNotification = 1;  // in SplitAvailable::flags and SplitUsed::flags
inline constexpr uint16_t kEventEnable = 0;     // in PackedEvent::flags
inline constexpr uint16_t kEventDisable = 1;
inline constexpr uint16_t kEventAtPlace = 2;

// Read and write what the other side uses at the same time: in one piece, and only once.
template <typename T>
T LoadOnce(const T* from) {
  return __atomic_load_n(from, __ATOMIC_RELAXED);
}
template <typename T>
T LoadAcquire(const T* from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}
template <typename T>
void StoreOnce(T* to, T value) {
  __atomic_store_n(to, value, __ATOMIC_RELAXED);
}
template <typename T>
void StoreRelease(T* to, T value) {
  __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

// --- Ours. ---
struct alignas(64) VhostRing {
  // Constant while workers use the ring.
  bool is_packed = false;
  bool is_mergeable = false;     // a frame to the guest may take several buffers
  bool has_event_index = false;  // each side says when it wants to be called
  bool has_offloads = false;     // the guest's headers mean something
  bool takes_offloads = false;   // ours do
  uint8_t header_bytes = 0;      // of the header before each frame
  uint16_t size = 0;             // split: a power of two
  int call_fd = -1;              // never blocks; -1 = the guest polls
  union {
    const SplitDescriptor* split;
    PackedDescriptor* packed;
  };
  union {
    const SplitAvailable* available;
    const PackedEvent* driver_event;  // when the guest wants to be called
  };
  union {
    SplitUsed* used;
    PackedEvent* device_event;  // when we do
  };
  VhostMemory memory;

  // The worker's whose turn it is: that of the queue, or the one that has the lock.
  alignas(64) uint16_t next = 0;  // where the next buffer will be found, and the next used one goes
  bool wrap = false;              // packed: the wrap counter there
  bool is_new = true;             // the guest hasn't been called yet

  // Of a ring that several workers transmit to.
  void Lock() {
    while (is_locked_.exchange(true, std::memory_order_acquire)) {
      while (is_locked_.load(std::memory_order_relaxed)) rte_pause();
    }
  }
  // The worker, which needn't have locked the ring, is through with it for now.
  void Leave() { is_locked_.store(false, std::memory_order_release); }
  // After a grace period: what workers did with the ring has happened before. (The grace period
  // sees to that as well, but no sanitizer sees it.)
  void SeeWhatWasDone() const { is_locked_.load(std::memory_order_acquire); }

  // Whether the guest is to say when it gives buffers.
  void SetNotification(bool is_wanted);

  // Calls the guest if it wants to be for what was used since `before`, an earlier `next`.
  void CallGuest(uint16_t before) {
    if (call_fd < 0) return;
    // What was used must be seen before we look whether it is waited for (2.7.7.2, 2.8.21.3).
    rte_smp_mb();
    const bool is_wanted = is_packed ? WantsCallPacked(before) : WantsCallSplit(before);
    is_new = false;
    if (is_wanted) eventfd_write(call_fd, 1);
  }

 private:
  std::atomic<bool> is_locked_{false};

  bool WantsCallSplit(uint16_t before) const;
  bool WantsCallPacked(uint16_t before) const;
};

}  // namespace podwarp
