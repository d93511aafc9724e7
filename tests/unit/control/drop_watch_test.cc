#include "control/drop_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/log_capture.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DropWatchTest : public NodeTest {
 protected:
  void StartWatch() {
    StartQuietly();
    watch_.emplace(&*node_);
    Look();
    log_.Take();
  }
  void Look(absl::Duration after = DropWatch::kLook) {
    clock_.Advance(after);
    watch_->Tick(clock_.time());
  }
  void InjectMany(const std::string& port, const Packet& packet, int count) {
    for (int i = 0; i < count; ++i) factory_[port].Inject(packet);
    Forward();
  }
  // A frame of web's from an address of db's.
  static Packet Spoofed() {
    return Ethernet(kGatewayMac, kWebMac) / Ipv4(kDb, kOnB) / Udp(1, 2) / Payload(30);
  }

  LogCapture log_;
  std::optional<DropWatch> watch_;
};

TEST_F(DropWatchTest, APodThatBeginsToSpoofIsNamedAtOnceAndThenOnceAMinute) {
  StartWatch();
  InjectMany("default/web", Spoofed(), 37);
  Look();
  EXPECT_THAT(log_.Take(),
              ElementsAre("W pod default/web sends from addresses that aren't its own: 37 frames "
                          "dropped (spoofed_ip)"));
  InjectMany("default/web", Spoofed(), 5);
  Look();
  InjectMany("default/web", Spoofed(), 1);
  for (int i = 0; i < 28; ++i) Look();
  EXPECT_THAT(log_.Take(), IsEmpty());
  Look();  // a minute after the line: what came last is not forgotten, though nothing comes now
  EXPECT_THAT(log_.Take(), ElementsAre(HasSubstr("its own: 6 frames dropped (spoofed_ip)")));
  Look(absl::Minutes(5));
  EXPECT_THAT(log_.Take(), IsEmpty());
  InjectMany("default/web", Spoofed(), 1);
  Look();
  EXPECT_THAT(log_.Take(), ElementsAre(HasSubstr("its own: 1 frame dropped (spoofed_ip)")));
}

TEST_F(DropWatchTest, PodsAndReasonsHaveLinesOfTheirOwn) {
  StartWatch();
  InjectMany("default/web", Spoofed(), 2);
  InjectMany("default/web",
             Padded(Ethernet(MacAddress::Broadcast(), kWebMac) / Arp::Request(kWebMac, kOnB, kDb)),
             3);
  InjectMany("default/db", Ethernet(kGatewayMac, kWebMac) / Ipv4(kDb, kWeb) / Udp(1, 2), 4);
  Look();
  EXPECT_THAT(
      log_.Take(),
      ElementsAre("W pod default/db sends from a MAC that isn't its own: 4 frames dropped "
                  "(spoofed_mac)",
                  "W pod default/web sends from addresses that aren't its own: 2 frames dropped "
                  "(spoofed_ip)",
                  "W pod default/web sends ARP from addresses that aren't its own: 3 frames "
                  "dropped (arp_spoofed_ip)"));
}

TEST_F(DropWatchTest, APortThatIsTooSlowIsNamed) {
  StartWatch();
  factory_["uplink0"].SetTransmitRoom(0);
  InjectMany("default/web", FromWeb(kOnB), 5);
  Look();
  EXPECT_THAT(log_.Take(), ElementsAre("W port uplink0 takes frames more slowly than they come: 5 "
                                       "frames dropped (transmit_queue_full)"));
}

TEST_F(DropWatchTest, WhatAnybodyMayHaveDroppedIsNoNews) {
  StartWatch();
  InjectMany("default/web", FromWeb(kOutside), 5);
  EXPECT_EQ(drops(DropReason::kNoRoute), 5u);
  Look();
  EXPECT_THAT(log_.Take(), IsEmpty());
}

TEST_F(DropWatchTest, APodIsNotBlamedForTheOneThatHadItsPort) {
  StartWatch();
  const PodConfig web = config_.pods[0];
  const PortId port = Web().port;
  InjectMany("default/web", Spoofed(), 5);
  ASSERT_TRUE(node_->Apply({.before = web, .after = std::nullopt}, clock_.time()).ok());
  for (int i = 0; i < 3; ++i) Step(absl::Seconds(0.1));  // the port is free
  PodConfig other = MakePod("other", "02:00:00:00:01:0f"_mac, "10.244.1.15"_ip);
  ASSERT_TRUE(node_->Apply({.before = std::nullopt, .after = other}, clock_.time()).ok());
  ASSERT_EQ(node_->pods().at("default/other").port, port);
  log_.Take();
  Look();
  EXPECT_THAT(log_.Take("dropped"), IsEmpty());
  InjectMany("default/other",
             Ethernet(kGatewayMac, other.mac) / Ipv4(kDb, kOnB) / Udp(1, 2) / Payload(30), 2);
  Look();
  EXPECT_THAT(log_.Take("dropped"),
              ElementsAre(HasSubstr("pod default/other sends from addresses that aren't its own: 2 "
                                    "frames dropped")));
}

TEST_F(DropWatchTest, TheConnectionTableIsToldOfBeforeItIsFull) {
  config_.services = {MakeService({kDb})};
  StartWatch();
  const uint32_t capacity = tables_->connections.capacity();
  const auto connect = [&](uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; ++i) {
      InjectMany("default/web",
                 Ethernet(kGatewayMac, kWebMac) / Ipv4(kWeb, kServiceAddress) /
                     Udp(static_cast<uint16_t>(1'000 + i), 2) / Payload(30),
                 1);
    }
  };
  connect(0, capacity * 7 / 8 - 1);
  Look();
  EXPECT_THAT(log_.Take("connection table"), IsEmpty());
  connect(capacity * 7 / 8 - 1, capacity * 7 / 8);
  Look();
  EXPECT_THAT(log_.Take("connection table"),
              ElementsAre(HasSubstr("W the connection table is nearly full: ")));
  Look();
  EXPECT_THAT(log_.Take("connection table"), IsEmpty());
}

}  // namespace
}  // namespace podwarp::test
