// How long something took, in cycles, counted by octaves of eight steps: a bucket's bounds are at
// most an eighth apart.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "podwarp/telemetry/counter.h"

namespace podwarp {

// One writer; any thread may read.
class LatencyHistogram {
 public:
  static constexpr int kStepBits = 3;
  static constexpr uint64_t kSteps = uint64_t{1} << kStepBits;
  // The last bucket has all from 2^40 cycles on, some 5 minutes.
  static constexpr int kMaxBits = 40;
  static constexpr size_t kBuckets = kSteps * (kMaxBits - kStepBits + 1) + 1;

  // Values below kSteps have a bucket each.
  static constexpr size_t BucketOf(uint64_t cycles) {
    if (cycles < kSteps) return cycles;
    const auto octave = static_cast<int>(std::bit_width(cycles)) - 1;
    if (octave >= kMaxBits) return kBuckets - 1;
    return kSteps * static_cast<size_t>(octave - kStepBits + 1) +
           ((cycles >> (octave - kStepBits)) & (kSteps - 1));
  }
  // The least cycles that are counted in the bucket.
  static constexpr uint64_t LowerBound(size_t bucket) {
    if (bucket < kSteps) return bucket;
    const size_t octave = bucket / kSteps - 1;
    return (kSteps + bucket % kSteps) << octave;
  }

  void Add(uint64_t cycles) { buckets_[BucketOf(cycles)].Add(1), sum_.Add(cycles); }
  uint64_t count(size_t bucket) const { return buckets_[bucket].value(); }
  uint64_t sum() const { return sum_.value(); }  // cycles

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_;
};

}  // namespace podwarp
