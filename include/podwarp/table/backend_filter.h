// Which endpoints may be backends: a filter in front of the connection table, so that frames which
// have nothing to do with any service are spared a lookup there.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  single bits; a bigger array is filled before it is swapped in.
//   Reclaim:  the old array after a grace period.
//
// A bit for each hash of an endpoint: there are at least 32 times as many bits as endpoints, so
// that at most one in 32 of them is set. 2,000 endpoints fit into 8 KiB, which stay in the first
// cache.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "podwarp/table/rcu.h"

namespace podwarp {

class BackendFilter {
 public:
  explicit BackendFilter(Rcu* rcu);
  ~BackendFilter();  // waits for online readers
  BackendFilter(const BackendFilter&) = delete;
  BackendFilter& operator=(const BackendFilter&) = delete;

  // --- Readers. True for all that were added and not removed, by chance for others. ---
  bool MayHave(uint64_t endpoint) const {
    const Bits& bits = *bits_.load(std::memory_order_acquire);
    const uint64_t bit = bits.BitOf(endpoint);
    return (bits.words[bit / 64].load(std::memory_order_relaxed) >> bit % 64 & 1) != 0;
  }

  // --- The writer. An endpoint may be added several times; the last removal counts. ---
  void Add(uint64_t endpoint);
  // REQUIRES: it is there.
  void Remove(uint64_t endpoint);

  size_t size() const { return endpoints_.size(); }  // different ones
  size_t bits() const { return size_t{1} << bits_.load()->log2; }

 private:
  struct Bits {
    explicit Bits(int log2_of_size)
        : log2(log2_of_size), words(new std::atomic<uint64_t>[(size_t{1} << log2) / 64]()) {}

    // Multiplicative hashing (Knuth, "The Art of Computer Programming", 6.4).
    uint64_t BitOf(uint64_t endpoint) const { return endpoint * 0x9e3779b97f4a7c15 >> (64 - log2); }

    const int log2;
    const std::unique_ptr<std::atomic<uint64_t>[]> words;
  };

  void SetBit(const Bits& bits, uint64_t endpoint);

  Rcu* const rcu_;
  std::atomic<const Bits*> bits_;
  // The writer's own.
  absl::flat_hash_map<uint64_t, uint32_t> endpoints_;  // -> how many times it was added
  // By bit: how many endpoints have it. One that ever had 255 stays set until the array grows.
  std::vector<uint8_t> counts_;
};

}  // namespace podwarp
