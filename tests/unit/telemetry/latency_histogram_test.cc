#include "podwarp/telemetry/latency_histogram.h"

#include <gtest/gtest.h>

namespace podwarp::test {
namespace {

using Histogram = LatencyHistogram;

TEST(LatencyHistogramTest, ABucketBeginsAtItsLowerBound) {
  for (size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const uint64_t bound = Histogram::LowerBound(bucket);
    EXPECT_EQ(Histogram::BucketOf(bound), bucket);
    if (bucket > 0) {
      EXPECT_EQ(Histogram::BucketOf(bound - 1), bucket - 1);
    }
  }
}

TEST(LatencyHistogramTest, BoundsAreAnEighthApartAtMost) {
  for (size_t bucket = Histogram::kSteps; bucket + 1 < Histogram::kBuckets; ++bucket) {
    const uint64_t bound = Histogram::LowerBound(bucket);
    EXPECT_LE(Histogram::LowerBound(bucket + 1) - bound, bound / Histogram::kSteps);
  }
}

TEST(LatencyHistogramTest, TheLastBucketHasTheRest) {
  EXPECT_EQ(Histogram::BucketOf(UINT64_MAX), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::LowerBound(Histogram::kBuckets - 1), uint64_t{1} << Histogram::kMaxBits);
}

TEST(LatencyHistogramTest, Counts) {
  Histogram histogram;
  histogram.Add(5);
  histogram.Add(5);
  histogram.Add(1000);
  EXPECT_EQ(histogram.count(Histogram::BucketOf(5)), 2u);
  EXPECT_EQ(histogram.count(Histogram::BucketOf(1000)), 1u);
  EXPECT_EQ(histogram.sum(), 1010u);
}

}  // namespace
}  // namespace podwarp::test
