#include "control/announcer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

constexpr PortId kPort = 1;
constexpr PortId kOtherPort = 2;
const Ipv4Address kAddress = "10.244.1.10"_ip;
const Ipv4Address kOtherAddress = "10.244.1.11"_ip;

class AnnouncerTest : public testing::Test {
 protected:
  absl::Time At(double second) const { return start_ + absl::Seconds(second); }
  std::vector<Announcer::Due> TakeAt(double second) { return announcer_.TakeDue(At(second)); }

  // When something is due, in steps of 0.1 s, `from` and `to` among them.
  std::vector<double> Run(double from, double to) {
    std::vector<double> seconds;
    for (int tenth = static_cast<int>(from * 10); tenth <= static_cast<int>(to * 10); ++tenth) {
      for (size_t i = TakeAt(tenth / 10.0).size(); i > 0; --i) seconds.push_back(tenth / 10.0);
    }
    return seconds;
  }

  const absl::Time start_ = absl::UnixEpoch() + absl::Hours(1);
  Announcer announcer_{/*per_second=*/10};
};

TEST_F(AnnouncerTest, AnnouncesAt0And1And3Seconds) {
  announcer_.Announce(kPort, kAddress, At(0));
  const std::vector<Announcer::Due> due = TakeAt(0);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].kind, Announcer::Due::kAnnounce);
  EXPECT_EQ(due[0].port, kPort);
  EXPECT_EQ(due[0].address, kAddress);
  EXPECT_THAT(Run(0.1, 10), ElementsAre(1, 3));
  EXPECT_EQ(announcer_.waiting(), 0u);
}

TEST_F(AnnouncerTest, ARunStartsAnew) {
  announcer_.Announce(kPort, kAddress, At(0));
  TakeAt(0);
  announcer_.Announce(kPort, kAddress, At(0.5));
  EXPECT_THAT(Run(0.5, 10), ElementsAre(0.5, 1.5, 3.5));
}

TEST_F(AnnouncerTest, RunsOfOtherAddressesAndPortsGoOn) {
  announcer_.Announce(kPort, kAddress, At(0));
  announcer_.Announce(kPort, kOtherAddress, At(0.5));
  announcer_.Announce(kOtherPort, kAddress, At(0.5));
  EXPECT_THAT(Run(0, 10), ElementsAre(0, 0.5, 0.5, 1, 1.5, 1.5, 3, 3.5, 3.5));
}

TEST_F(AnnouncerTest, AFloodOfRunsTakesNoMoreMemoryThanOne) {
  for (int i = 0; i < 1000; ++i) announcer_.Announce(kPort, kAddress, At(0));
  EXPECT_EQ(announcer_.waiting(), 3u);
  EXPECT_THAT(Run(0, 10), ElementsAre(0, 1, 3));
}

TEST_F(AnnouncerTest, WhatIsDueBeyondTheBudgetWaits) {
  for (uint8_t i = 0; i < 25; ++i) announcer_.Announce(kPort, Ipv4Address(10, 0, 0, i), At(0));
  EXPECT_THAT(TakeAt(0), SizeIs(10));
  EXPECT_THAT(TakeAt(0), IsEmpty());
  EXPECT_THAT(TakeAt(0.5), SizeIs(5));
  // At 1 s the second announcements are due too. In the end none is lost, and none is early.
  size_t sent = 15;
  for (int tenth = 6; tenth <= 100; ++tenth) {
    const size_t now = TakeAt(tenth / 10.0).size();
    EXPECT_LE(now, 2u) << tenth;
    sent += now;
  }
  EXPECT_EQ(sent, 75u);
}

TEST_F(AnnouncerTest, APortHasABudgetOfItsOwn) {
  for (uint8_t i = 0; i < 25; ++i) announcer_.Announce(kPort, Ipv4Address(10, 0, 0, i), At(0));
  announcer_.Announce(kOtherPort, kAddress, At(0));
  EXPECT_THAT(TakeAt(0), SizeIs(11));
}

TEST_F(AnnouncerTest, ALongSilenceSavesUpOneSecondsWorth) {
  announcer_.Announce(kPort, kAddress, At(0));
  Run(0, 4);
  for (uint8_t i = 0; i < 25; ++i) announcer_.Announce(kPort, Ipv4Address(10, 0, 0, i), At(100));
  EXPECT_THAT(TakeAt(100), SizeIs(10));
}

TEST_F(AnnouncerTest, KeepsAliveOnceAMinute) {
  announcer_.AddKeepAlive(kPort, At(0));
  EXPECT_THAT(Run(0, 59.9), IsEmpty());
  const std::vector<Announcer::Due> due = TakeAt(60);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].kind, Announcer::Due::kKeepAlive);
  EXPECT_EQ(due[0].port, kPort);
  EXPECT_THAT(Run(60, 200), ElementsAre(120, 180));
}

TEST_F(AnnouncerTest, KeepsAliveWhateverElseIsSent) {
  announcer_.AddKeepAlive(kPort, At(0));
  for (uint8_t i = 0; i < 100; ++i) announcer_.Announce(kPort, Ipv4Address(10, 0, 0, i), At(60));
  EXPECT_THAT(TakeAt(60), SizeIs(11));
}

TEST_F(AnnouncerTest, DefendsAnAddressAtMostOncePer10Seconds) {
  announcer_.Defend(kPort, kAddress, At(0));
  announcer_.Defend(kPort, kAddress, At(0));
  EXPECT_THAT(Run(0, 5), ElementsAre(0));
  announcer_.Defend(kPort, kAddress, At(9.9));
  EXPECT_THAT(Run(5, 9.9), IsEmpty());
  announcer_.Defend(kPort, kAddress, At(10));
  EXPECT_THAT(Run(10, 30), ElementsAre(10));
}

TEST_F(AnnouncerTest, DefendsEachAddressOnEachPort) {
  announcer_.Defend(kPort, kAddress, At(0));
  announcer_.Defend(kPort, kOtherAddress, At(0));
  announcer_.Defend(kOtherPort, kAddress, At(0));
  EXPECT_THAT(TakeAt(0), SizeIs(3));
}

TEST_F(AnnouncerTest, ADefenceLeavesARunAlone) {
  announcer_.Announce(kPort, kAddress, At(0));
  announcer_.Defend(kPort, kAddress, At(0.5));
  EXPECT_THAT(Run(0, 10), ElementsAre(0, 0.5, 1, 3));
}

TEST_F(AnnouncerTest, AWithdrawnAddressIsNotSpokenOfAgain) {
  announcer_.Announce(kPort, kAddress, At(0));
  announcer_.Announce(kOtherPort, kAddress, At(0));
  announcer_.Announce(kPort, kOtherAddress, At(0));
  announcer_.Defend(kPort, kAddress, At(0));
  announcer_.Withdraw(kAddress);
  EXPECT_THAT(TakeAt(0), ElementsAre(Field(&Announcer::Due::address, kOtherAddress)));
  // Whoever has it next may be defended at once.
  announcer_.Defend(kPort, kAddress, At(0.5));
  EXPECT_THAT(TakeAt(0.5), SizeIs(1));
}

TEST_F(AnnouncerTest, ARemovedPortIsNotSpokenOnAgain) {
  announcer_.AddKeepAlive(kPort, At(0));
  announcer_.AddKeepAlive(kOtherPort, At(0));
  announcer_.Announce(kPort, kAddress, At(0));
  announcer_.Announce(kOtherPort, kAddress, At(0));
  announcer_.Defend(kPort, kAddress, At(0));
  announcer_.RemovePort(kPort);
  for (const double second : {0.0, 1.0, 3.0, 60.0}) {
    EXPECT_THAT(TakeAt(second),
                testing::AllOf(SizeIs(1), Each(Field(&Announcer::Due::port, kOtherPort))));
  }
}

}  // namespace
}  // namespace podwarp::test
