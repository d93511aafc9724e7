// A Maglev ring: which of n backends a hash leads to, so that each gets its even share, and most
// hashes keep their backend when one comes or goes (Eisenbud et al., "Maglev: A Fast and Reliable
// Software Network Load Balancer", NSDI 2016, 3.4).
//
// The paper's ring has 65,537 places for every service. Here it is the smallest prime that is at
// least 100 times the number of backends, rounded up to 16 or the next power of 2: that bounds the
// unevenness to about one percent just as well, and takes 3 KiB for an ordinary service. The number
// is rounded because a ring of another size is another ring altogether: hashes keep their backends
// only as long as the size stays.
//
// Immutable once built. Thread rule: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace podwarp {

class MaglevRing {
 public:
  static constexpr size_t kMaxBackends = 65'536;

  MaglevRing() = default;
  // `seeds`: a number for each backend, different ones, the same for it at every node and start
  // (of its endpoint): the ring depends on nothing else, and on their order only by the numbers
  // that Pick() returns. At most kMaxBackends.
  explicit MaglevRing(std::span<const uint64_t> seeds);

  // The backend's index in `seeds`. REQUIRES: there is one. The upper half of `hash` decides, so
  // that no division is needed.
  uint32_t Pick(uint64_t hash) const {
    return places_[static_cast<uint64_t>((static_cast<unsigned __int128>(hash) * places_.size()) >>
                                         64)];
  }
  size_t size() const { return places_.size(); }

 private:
  std::vector<uint16_t> places_;
};

}  // namespace podwarp
