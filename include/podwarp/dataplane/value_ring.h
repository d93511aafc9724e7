// A ring that carries values between threads (librte_ring with elements of any size).
#pragma once

#include <rte_branch_prediction.h>
#include <rte_debug.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include <cstdint>
#include <type_traits>

namespace podwarp {

// Any number of threads put in, one takes out. Needs the EAL.
template <typename T>
class ValueRing {
 public:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);

  // `size`: a power of two; holds one less.
  explicit ValueRing(unsigned size) {
    const auto bytes = static_cast<size_t>(rte_ring_get_memsize_elem(sizeof(T), size));
    ring_ = static_cast<rte_ring*>(rte_malloc("value_ring", bytes, RTE_CACHE_LINE_SIZE));
    RTE_VERIFY(ring_ != nullptr);
    RTE_VERIFY(rte_ring_init(ring_, "value_ring", size, RING_F_SC_DEQ) == 0);
  }
  ~ValueRing() { rte_free(ring_); }
  ValueRing(const ValueRing&) = delete;
  ValueRing& operator=(const ValueRing&) = delete;

  // False if the ring is full.
  bool Put(T value) { return rte_ring_enqueue_elem(ring_, &value, sizeof(T)) == 0; }
  // False if there is none.
  bool Take(T* value) { return rte_ring_dequeue_elem(ring_, value, sizeof(T)) == 0; }

 private:
  rte_ring* ring_;
};

}  // namespace podwarp
