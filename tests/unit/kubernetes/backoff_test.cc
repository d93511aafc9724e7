#include "kubernetes/backoff.h"

#include <gtest/gtest.h>

namespace podwarp {
namespace {

TEST(BackoffTest, DoublesUpToTheMost) {
  Backoff backoff(absl::Milliseconds(500), absl::Seconds(30));
  for (const double seconds : {0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0}) {
    EXPECT_EQ(backoff.Next(0), absl::Seconds(seconds));
  }
  backoff.Reset();
  EXPECT_EQ(backoff.Next(0), absl::Milliseconds(500));
}

TEST(BackoffTest, ChanceTakesAwayUpToHalf) {
  Backoff backoff(absl::Seconds(8), absl::Seconds(8));
  EXPECT_EQ(backoff.Next(0.5), absl::Seconds(6));
  EXPECT_EQ(backoff.Next(0.25), absl::Seconds(7));
  EXPECT_GE(backoff.Next(0.999999), absl::Seconds(4));
}

}  // namespace
}  // namespace podwarp
