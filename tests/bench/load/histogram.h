// Counts of values, to 1/64 of each value, from which percentiles are read.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace podwarp::test {

class Histogram {
 public:
  void Add(uint64_t value) {
    ++buckets_[BucketOf(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  // The least value that so much of all values is not above: 0.5 is the median. 0 if there are
  // none.
  uint64_t Percentile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_));
    uint64_t seen = 0;
    for (uint32_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return std::min(TopOf(i), max_);
    }
    return max_;
  }

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }

 private:
  static constexpr uint32_t kBits = 6;  // of a value, that are kept below its highest
  static constexpr uint32_t kSteps = 1 << kBits;

  // Values below 2 * kSteps have a bucket each; above, each power of two has kSteps of them.
  static uint32_t BucketOf(uint64_t value) {
    if (value < kSteps) return static_cast<uint32_t>(value);
    const auto shift = static_cast<uint32_t>(std::bit_width(value)) - 1 - kBits;
    return shift * kSteps + static_cast<uint32_t>(value >> shift);
  }
  static uint64_t TopOf(uint32_t bucket) {
    if (bucket < 2 * kSteps) return bucket;
    const uint32_t shift = bucket / kSteps - 1;
    return ((uint64_t{bucket} - shift * kSteps + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kBits + 1)* kSteps> buckets_ = {};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace podwarp::test
