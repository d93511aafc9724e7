// The rings of a guest that podwarp's own code runs, rather than librte_vhost's.
//
// librte_vhost keeps the control side: it talks to the guest and maps its memory. While it changes
// nothing, workers have a ring to themselves, and it knows where they began; before it may change
// anything, the ring is taken back and it learns how far they have come.
//
// Thread rule: ring() is for workers, and what it returns is valid until their next quiescent
// state. They must not ask librte_vhost for anything that takes a ring's lock, for they are waited
// for with that held. All else is for librte_vhost's thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "podwarp/table/rcu.h"
#include "port/vhost_limits.h"
#include "port/vhost_ring.h"

namespace podwarp {

class VhostRings {
 public:
  explicit VhostRings(const Rcu* rcu) : rcu_(*rcu) {}
  VhostRings(const VhostRings&) = delete;
  VhostRings& operator=(const VhostRings&) = delete;

  // Whether our code can do all that is among these features of a device: it doesn't log what it
  // writes for a migration, and knows no IOMMU.
  static bool CanServe(uint64_t features);

  // Null while workers must keep away. 2n takes what the guest receives on queue pair n, 2n + 1
  // brings what it sends.
  VhostRing* ring(uint16_t index) const { return given_[index].load(std::memory_order_acquire); }

  // Gives the ring to workers as it stands at librte_vhost, if they don't have it, and if it is a
  // ring in the guest's memory. REQUIRES: CanServe(features).
  void Give(int handle, uint16_t index, uint64_t features);
  // Takes all rings back, and waits until no worker uses them.
  void TakeBack(int handle);

 private:
  static constexpr uint16_t kRings = 2 * kMaxVhostQueuePairs;

  const Rcu& rcu_;
  std::array<std::atomic<VhostRing*>, kRings> given_ = {};
  std::array<std::unique_ptr<VhostRing>, kRings> rings_;  // made when first given, and kept
};

}  // namespace podwarp
