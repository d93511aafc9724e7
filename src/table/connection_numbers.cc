#include "table/connection_numbers.h"

#include <glog/logging.h>

#include <algorithm>

namespace podwarp {

// What workers have at hand is out of reach for the others: all of it together stays below 1/32 of
// the capacity, or one number each.
ConnectionNumbers::ConnectionNumbers(uint32_t capacity, uint32_t workers)
    : capacity_(capacity),
      batch_(std::clamp(capacity / (32 * workers), 1u, kMaxAtHand)),
      memory_(BytesFor(capacity)),
      given_(static_cast<rte_ring*>(memory_.data())),
      at_hand_(workers) {
  // Room for all of them, so that giving never fails.
  CHECK_EQ(rte_ring_init(given_, "connections", capacity, RING_F_SP_ENQ | RING_F_EXACT_SZ), 0);
}

size_t ConnectionNumbers::BytesFor(uint32_t capacity) {
  // A ring of a power of 2 holds one less.
  return static_cast<size_t>(rte_ring_get_memsize_elem(sizeof(uint32_t), 2 * capacity));
}

uint32_t ConnectionNumbers::Take(uint32_t worker) {
  AtHand& at_hand = at_hand_[worker];
  if (at_hand.count == 0 && !Fetch(&at_hand)) return kNone;
  return at_hand.numbers[--at_hand.count];
}

void ConnectionNumbers::PutBack(uint32_t worker, uint32_t number) {
  AtHand& at_hand = at_hand_[worker];
  at_hand.numbers[at_hand.count++] = number;  // there is room: it was taken from here
}

bool ConnectionNumbers::Fetch(AtHand* at_hand) {
  at_hand->count =
      rte_ring_mc_dequeue_burst_elem(given_, at_hand->numbers, sizeof(uint32_t), batch_, nullptr);
  if (at_hand->count != 0) return true;
  uint32_t first = next_unused_.load(std::memory_order_relaxed);
  uint32_t count;
  do {
    count = std::min(batch_, capacity_ - first);
    if (count == 0) return false;
  } while (!next_unused_.compare_exchange_weak(first, first + count, std::memory_order_release,
                                               std::memory_order_relaxed));
  // Taken from the end: the lowest comes first.
  for (uint32_t i = 0; i < count; ++i) at_hand->numbers[i] = first + count - 1 - i;
  at_hand->count = count;
  return true;
}

void ConnectionNumbers::Give(const uint32_t* numbers, uint32_t count) {
  CHECK_EQ(rte_ring_sp_enqueue_bulk_elem(given_, numbers, sizeof(uint32_t), count, nullptr), count);
}

}  // namespace podwarp
