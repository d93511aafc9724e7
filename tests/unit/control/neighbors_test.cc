#include "control/neighbors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/literals.h"

namespace podwarp::test {
namespace {

using State = Neighbors::State;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr PortId kUplink = 3;
const Ipv4Address kAddress = "192.0.2.7"_ip;
const MacAddress kMac = "02:00:00:00:00:07"_mac;
const MacAddress kOtherMac = "02:00:00:00:00:08"_mac;
constexpr bool kConfigured = true;
constexpr bool kWanted = false;

struct Asked {
  double second;
  bool is_unicast;
  friend bool operator==(const Asked&, const Asked&) = default;
  friend void PrintTo(const Asked& asked, std::ostream* out) {
    *out << asked.second << " s, " << (asked.is_unicast ? "unicast" : "broadcast");
  }
};

class NeighborsTest : public testing::Test {
 protected:
  absl::Time At(double second) const { return start_ + absl::Seconds(second); }
  const Neighbors::Neighbor& Known() const { return neighbors_.all().at(kAddress); }

  // What is asked in steps of 0.1 s, `from` and `to` among them.
  std::vector<Asked> Run(double from, double to) {
    std::vector<Asked> asked;
    for (int tenth = static_cast<int>(from * 10); tenth <= static_cast<int>(to * 10); ++tenth) {
      const double second = tenth / 10.0;
      const Neighbors::Actions actions = neighbors_.Due(At(second));
      for (const Neighbors::Request& request : actions.requests) {
        EXPECT_EQ(request.uplink, kUplink);
        EXPECT_EQ(request.address, kAddress);
        if (request.to.has_value()) {
          EXPECT_EQ(request.to, neighbors_.all().at(kAddress).mac);
        }
        asked.push_back({second, request.to.has_value()});
      }
      for (const Ipv4Address& address : actions.gone) {
        EXPECT_EQ(address, kAddress);
        gone_at_ = second;
      }
    }
    return asked;
  }

  const absl::Time start_ = absl::UnixEpoch() + absl::Hours(1);
  Neighbors neighbors_;
  double gone_at_ = -1;
};

TEST_F(NeighborsTest, IsAskedForEverySecondAndThenEveryFive) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  EXPECT_THAT(Run(0, 14), ElementsAre(Asked{0, false}, Asked{1, false}, Asked{2, false},
                                      Asked{3, false}, Asked{8, false}, Asked{13, false}));
  EXPECT_EQ(Known().state, State::kAsked);
}

TEST_F(NeighborsTest, AnAnswerIsNewsOnce) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  Run(0, 0);
  EXPECT_TRUE(neighbors_.Answered(kAddress, kUplink, kMac, At(0.1)));
  EXPECT_EQ(Known().state, State::kResolved);
  EXPECT_FALSE(neighbors_.Answered(kAddress, kUplink, kMac, At(0.2)));
  EXPECT_TRUE(neighbors_.Answered(kAddress, kUplink, kOtherMac, At(0.3)));
  EXPECT_EQ(Known().mac, kOtherMac);
}

TEST_F(NeighborsTest, IsAskedAgainByUnicastAfterHalfAMinute) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  Run(0, 0);
  neighbors_.Answered(kAddress, kUplink, kMac, At(1));
  EXPECT_THAT(Run(1, 31), ElementsAre(Asked{31, true}));
  neighbors_.Answered(kAddress, kUplink, kMac, At(32));
  EXPECT_THAT(Run(32, 62), ElementsAre(Asked{62, true}));
}

TEST_F(NeighborsTest, WhoFallsSilentIsAskedForByBroadcastAndKeepsItsMac) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  Run(0, 0);
  neighbors_.Answered(kAddress, kUplink, kMac, At(0));
  EXPECT_THAT(Run(0.1, 32.9), ElementsAre(Asked{30, true}, Asked{31, true}, Asked{32, true}));
  EXPECT_EQ(Known().state, State::kResolved);
  EXPECT_THAT(Run(33, 43), ElementsAre(Asked{33, false}, Asked{38, false}, Asked{43, false}));
  EXPECT_EQ(Known().state, State::kSilent);
  EXPECT_EQ(Known().mac, kMac);
  // Back again: no news, and asked quietly from then on.
  EXPECT_FALSE(neighbors_.Answered(kAddress, kUplink, kMac, At(44)));
  EXPECT_EQ(Known().state, State::kResolved);
  EXPECT_THAT(Run(44, 74), ElementsAre(Asked{74, true}));
}

TEST_F(NeighborsTest, WhoWasNotConfiguredAndNeverAnswersIsForgotten) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kWanted, At(0)));
  EXPECT_THAT(Run(0, 10), ElementsAre(Asked{0, false}, Asked{1, false}, Asked{2, false}));
  EXPECT_EQ(gone_at_, 3);
  EXPECT_THAT(neighbors_.all(), IsEmpty());
}

TEST_F(NeighborsTest, WhoWasNotConfiguredAndFallsSilentIsForgotten) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kWanted, At(0)));
  Run(0, 0);
  neighbors_.Answered(kAddress, kUplink, kMac, At(0));
  EXPECT_THAT(Run(0.1, 40), ElementsAre(Asked{30, true}, Asked{31, true}, Asked{32, true}));
  EXPECT_EQ(gone_at_, 33);
  EXPECT_THAT(neighbors_.all(), IsEmpty());
}

TEST_F(NeighborsTest, AnAnswerFromTheWrongUplinkCountsNothing) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  EXPECT_FALSE(neighbors_.Answered(kAddress, kUplink + 1, kMac, At(0)));
  EXPECT_FALSE(Known().mac.has_value());
  EXPECT_EQ(Known().state, State::kAsked);
}

TEST_F(NeighborsTest, AnAnswerThatNobodyAskedForCountsNothing) {
  EXPECT_FALSE(neighbors_.Answered(kAddress, kUplink, kMac, At(0)));
  EXPECT_THAT(neighbors_.all(), IsEmpty());
}

TEST_F(NeighborsTest, AnAddressIsAddedOnce) {
  ASSERT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  EXPECT_FALSE(neighbors_.Add(kAddress, kUplink, kWanted, At(0)));
  EXPECT_TRUE(Known().is_configured);
}

TEST_F(NeighborsTest, SoManyMayBeThereThatNobodyConfigured) {
  const auto address = [](size_t i) { return Ipv4Address(0x0a000000 + static_cast<uint32_t>(i)); };
  for (size_t i = 0; i < Neighbors::kMaxUnconfigured; ++i) {
    ASSERT_TRUE(neighbors_.Add(address(i), kUplink, kWanted, At(0)));
  }
  EXPECT_FALSE(neighbors_.Add(kAddress, kUplink, kWanted, At(0)));
  EXPECT_TRUE(neighbors_.Add(kAddress, kUplink, kConfigured, At(0)));
  neighbors_.Remove(kAddress);  // makes no room
  EXPECT_FALSE(neighbors_.Add(kAddress, kUplink, kWanted, At(0)));
  neighbors_.Remove(address(0));
  EXPECT_TRUE(neighbors_.Add(kAddress, kUplink, kWanted, At(0)));
  // Those that nobody heard of make room on their own.
  for (int second = 0; second <= 3; ++second) neighbors_.Due(At(second));
  EXPECT_THAT(neighbors_.all(), IsEmpty());
  EXPECT_TRUE(neighbors_.Add(kAddress, kUplink, kWanted, At(4)));
}

}  // namespace
}  // namespace podwarp::test
