#include "podwarp/table/maglev.h"

#include <glog/logging.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "net/mix.h"

namespace podwarp {
namespace {

constexpr size_t kPlacesForEach = 100;
constexpr size_t kFewestBackends = 16;  // that a ring is made for

bool IsPrime(size_t number) {
  for (size_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

size_t RingSize(size_t backends) {
  if (backends <= 1) return backends;
  size_t size = kPlacesForEach * std::bit_ceil(std::max(backends, kFewestBackends));
  while (!IsPrime(size)) ++size;
  return size;
}

// A backend's places in the order in which it wants them: all of the ring, since its size is prime.
class Wishes {
 public:
  Wishes(uint64_t seed, size_t size)
      : next_(static_cast<uint32_t>(Mix(seed) % size)),
        skip_(static_cast<uint32_t>(Mix(~seed) % (size - 1) + 1)) {}

  uint32_t Take(uint32_t size) {
    const uint32_t place = next_;
    next_ += skip_;
    if (next_ >= size) next_ -= size;
    return place;
  }

 private:
  uint32_t next_;
  uint32_t skip_;
};

}  // namespace

MaglevRing::MaglevRing(std::span<const uint64_t> seeds) : places_(RingSize(seeds.size())) {
  CHECK_LE(seeds.size(), kMaxBackends);
  if (seeds.size() <= 1) return;
  // Their turns come in an order that is the seeds' own.
  std::vector<uint16_t> turns(seeds.size());
  std::iota(turns.begin(), turns.end(), uint16_t{0});
  std::sort(turns.begin(), turns.end(),
            [&](uint16_t a, uint16_t b) { return seeds[a] < seeds[b]; });
  std::vector<Wishes> wishes;
  wishes.reserve(turns.size());
  for (uint16_t backend : turns) wishes.emplace_back(seeds[backend], places_.size());

  std::vector<bool> is_taken(places_.size());
  const auto size = static_cast<uint32_t>(places_.size());
  for (uint32_t taken = 0; taken < size;) {
    for (size_t turn = 0; turn < turns.size() && taken < size; ++turn, ++taken) {
      uint32_t place = wishes[turn].Take(size);
      while (is_taken[place]) place = wishes[turn].Take(size);
      is_taken[place] = true;
      places_[place] = turns[turn];
    }
  }
}

}  // namespace podwarp
