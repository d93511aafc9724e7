// Which numbers of connections are free.
//
//   Takers:   workers, each with some numbers of its own at hand.
//   Giver:    the control thread, for what was unlinked and has had its grace period.
//
// A number that was never used is taken only when none was given back: the table takes memory as it
// is used.
#pragma once

#include <rte_ring_elem.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "podwarp/table/table_memory.h"

namespace podwarp {

class ConnectionNumbers {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  ConnectionNumbers(uint32_t capacity, uint32_t workers);
  static size_t BytesFor(uint32_t capacity);

  // --- A worker. kNone if there is none. ---
  uint32_t Take(uint32_t worker);
  // REQUIRES: nobody else has seen a connection with this number since it was taken.
  void PutBack(uint32_t worker, uint32_t number);

  // --- The control thread. ---
  void Give(const uint32_t* numbers, uint32_t count);
  // All that are in use are less than this.
  uint32_t used() const { return next_unused_.load(std::memory_order_acquire); }

 private:
  static constexpr uint32_t kMaxAtHand = 64;
  struct alignas(64) AtHand {
    uint32_t count = 0;
    uint32_t numbers[kMaxAtHand];
  };

  bool Fetch(AtHand* at_hand);

  const uint32_t capacity_;
  const uint32_t batch_;  // how many a worker fetches at once
  TableMemory memory_;
  rte_ring* const given_;
  alignas(64) std::atomic<uint32_t> next_unused_ = 0;
  std::vector<AtHand> at_hand_;  // by worker
};

}  // namespace podwarp
