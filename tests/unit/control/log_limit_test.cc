#include "control/log_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace podwarp {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000);

absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }

TEST(LogLimit, TheFirstIsWrittenAtOnceAndThenOneAMinute) {
  LogLimit limit;
  EXPECT_EQ(limit.Take("web", At(0)), 0u);
  for (int i = 0; i < 37; ++i) EXPECT_EQ(limit.Take("web", At(1 + i)), std::nullopt);
  EXPECT_EQ(limit.Take("web", At(59.9)), std::nullopt);
  EXPECT_EQ(limit.Take("web", At(60)), 38u);
  EXPECT_EQ(limit.Take("web", At(61)), std::nullopt);
  EXPECT_EQ(limit.Take("web", At(120)), 1u);
  EXPECT_EQ(limit.Take("web", At(1'000)), 0u);
}

TEST(LogLimit, SubjectsDontCountForEachOther) {
  LogLimit limit;
  EXPECT_EQ(limit.Take("web", At(0)), 0u);
  EXPECT_EQ(limit.Take("db", At(0)), 0u);
  EXPECT_EQ(limit.Take("web", At(1)), std::nullopt);
  EXPECT_EQ(limit.Take("db", At(60)), 0u);
  EXPECT_EQ(limit.Take("web", At(60)), 1u);
}

TEST(LogLimit, ABurstIsThereAgainAfterSoManyPauses) {
  LogLimit limit({.pause = absl::Seconds(10), .burst = 3});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.Take("web", At(0)), 0u) << i;
  EXPECT_EQ(limit.Take("web", At(9)), std::nullopt);
  EXPECT_EQ(limit.Take("web", At(10)), 1u);
  EXPECT_EQ(limit.Take("web", At(10)), std::nullopt);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.Take("web", At(100)).has_value()) << i;
  EXPECT_EQ(limit.Take("web", At(100)), std::nullopt);
}

TEST(LogLimit, InventedSubjectsShareOnePlace) {
  LogLimit limit({.subjects = 10});
  int written = 0;
  for (int i = 0; i < 1'000; ++i) {
    if (limit.Take("pod " + std::to_string(i), At(0)).has_value()) ++written;
  }
  EXPECT_EQ(written, 11);
  EXPECT_EQ(limit.Take("pod 1", At(1)), std::nullopt);  // one of those with a place
  // Of the 989 others one was written; who is quiet for a minute makes room.
  EXPECT_EQ(limit.Take("pod 2000", At(30)), std::nullopt);
  EXPECT_EQ(limit.Take("pod 2000", At(60)), 0u);
}

TEST(LogLimit, MakesRoomAgainAndAgain) {
  LogLimit limit({.subjects = 10});
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10; ++i) {
      const std::string subject = std::to_string(round) + " " + std::to_string(i);
      EXPECT_EQ(limit.Take(subject, At(100 * round)), 0u) << subject;
    }
  }
}

TEST(LogLimit, SaysHowManyWereLeftOut) {
  EXPECT_EQ(LeftOut(0), "");
  EXPECT_EQ(LeftOut(1), " (1 more such line left out)");
  EXPECT_EQ(LeftOut(37), " (37 more such lines left out)");
}

}  // namespace
}  // namespace podwarp
