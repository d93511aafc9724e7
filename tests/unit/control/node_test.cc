#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- What is published. ---

TEST_F(NodeTest, PublishesWhatTheConfigurationSays) {
  AddHostPort();
  AddNodeC();
  Start();
  const AddressOwners& owners = node_->owners();
  EXPECT_EQ(owners.OwnerOf(kWeb), "pod default/web");
  EXPECT_EQ(owners.OwnerOf(kDb), "pod default/db");
  EXPECT_EQ(owners.OwnerOf(kGateway), "gateway");
  EXPECT_EQ(owners.OwnerOf(kHostAddress), "host");
  EXPECT_EQ(owners.OwnerOf(kUnderlay), "host");
  EXPECT_EQ(owners.OwnerOf("10.244.1.1"_ip), "reserved");
  EXPECT_EQ(owners.OwnerOf("10.244.9.9"_ip), "ranges");
  EXPECT_EQ(owners.OwnerOf("10.96.0.10"_ip), "ranges");
  EXPECT_EQ(owners.OwnerOf(kOnB), "node node-b");
  EXPECT_EQ(owners.OwnerOf("10.244.1.99"_ip), "node node-b");
  EXPECT_EQ(owners.OwnerOf(kOnC), "node node-c");
  EXPECT_EQ(owners.OwnerOf(kNodeC), "node node-c");
  EXPECT_EQ(owners.OwnerOf(kStranger), "segment of uplink0");
  EXPECT_EQ(owners.OwnerOf(kOutside), "");

  EXPECT_EQ(Toward(kWeb).kind, NextHopKind::kPod);
  EXPECT_EQ(Toward(kHostAddress).kind, NextHopKind::kHost);
  EXPECT_EQ(Toward(kGateway).kind, NextHopKind::kLocal);
  EXPECT_EQ(Toward("10.244.1.1"_ip).kind, NextHopKind::kReserved);
  EXPECT_EQ(Toward("10.244.9.9"_ip).kind, NextHopKind::kUnowned);
  EXPECT_EQ(Toward(kOnB).kind, NextHopKind::kNode);
  EXPECT_EQ(Toward(kOnC).kind, NextHopKind::kUnresolved);
  EXPECT_EQ(Toward(kStranger).kind, NextHopKind::kOnLink);

  const NodeSettings& settings = tables_->settings();
  EXPECT_EQ(settings.virtual_mac, kVirtualMac);
  EXPECT_EQ(settings.gateway_mac, kGatewayMac);
  EXPECT_FALSE(settings.promiscuous_arp);
  EXPECT_EQ(settings.external_from_pod, owners.Find("host")->adjacency);
  EXPECT_EQ(settings.external_from_host, kNoAdjacency);
}

TEST_F(NodeTest, PublishesServices) {
  config_.services = {MakeService({kDb})};
  config_.hairpin_address = kGateway;
  StartQuietly();
  EXPECT_EQ(node_->owners().OwnerOf(kServiceAddress), "services");
  EXPECT_EQ(Toward(kServiceAddress).kind, NextHopKind::kService);
  EXPECT_EQ(tables_->settings().services, node_->owners().Find("services")->adjacency);
  EXPECT_EQ(tables_->settings().hairpin_address, kGateway);
  Inject("default/web", FromWeb(kServiceAddress));
  EXPECT_THAT(Sent("default/db"), ElementsAre(EqualsFrame(ToBackendBy(kDbMac, kGatewayMac, kDb))));

  node_->SetHairpinMode(HairpinMode::kHairpinVeth);
  EXPECT_EQ(tables_->settings().services, node_->owners().Find("services")->adjacency);
  EXPECT_EQ(tables_->settings().hairpin_address, kGateway);
}

TEST_F(NodeTest, WithoutHostPortTheGatewayHasTheUnderlayAddress) {
  Start();
  EXPECT_EQ(node_->owners().OwnerOf(kUnderlay), "gateway");
  EXPECT_EQ(tables_->settings().external_from_pod, kNoAdjacency);
}

TEST_F(NodeTest, PodsReachEachOtherAndOtherNodes) {
  StartQuietly();
  Inject("default/web", FromWeb(kDb));
  EXPECT_THAT(Sent("default/db"), ElementsAre(EqualsFrame(FromWebBy(kDbMac, kGatewayMac, kDb))));
  Inject("default/web", FromWeb(kOnB));
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(FromWebBy(kNodeBMac, kVirtualMac, kOnB))));
}

TEST_F(NodeTest, AnUplinkThatCantBeOpenedEndsTheStart) {
  AddHostPort();
  factory_.Fail("uplink0", absl::NotFoundError("uplink0: no such device"));
  EXPECT_EQ(TryStart(), absl::NotFoundError("uplink0: no such device"));
}

TEST_F(NodeTest, AHostPortThatCantBeOpenedEndsTheStart) {
  AddHostPort();
  factory_.Fail("podwarp0", absl::PermissionDeniedError("podwarp0: not allowed"));
  EXPECT_EQ(TryStart(), absl::PermissionDeniedError("podwarp0: not allowed"));
}

// --- Ports of pods come and go. ---

TEST_F(NodeTest, APodWhosePortCantBeOpenedIsTriedAgain) {
  factory_.Fail("default/web", absl::NotFoundError("no network namespace /run/netns/web"));
  Start();
  EXPECT_EQ(Web().port, kNoPort);
  EXPECT_EQ(Web().why_down, "no network namespace /run/netns/web");
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "ranges");
  EXPECT_EQ(node_->owners().OwnerOf(kDb), "pod default/db");  // no less for that

  factory_.Recover("default/web");
  Step(absl::Seconds(0.9));
  EXPECT_EQ(Web().port, kNoPort);
  Step(absl::Seconds(0.2));
  EXPECT_NE(Web().port, kNoPort);
  EXPECT_EQ(Web().why_down, "");
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "pod default/web");
  Inject("default/db", Ethernet(kGatewayMac, kDbMac) / Ipv4(kDb, kWeb) / Udp(1, 2));
  EXPECT_EQ(Sent("default/web").size(), 1u);
}

TEST_F(NodeTest, APortThatIsGoneIsClosedAndOpenedAgain) {
  StartQuietly();
  const Packet question =
      Padded(Ethernet(MacAddress::Broadcast(), kDbMac) / Arp::Request(kDbMac, kDb, kWeb));
  const Packet question_on_wire = Padded(Ethernet(MacAddress::Broadcast(), kStrangerMac) /
                                         Arp::Request(kStrangerMac, kStranger, kWeb));
  Inject("default/db", question);
  EXPECT_EQ(Sent("default/db").size(), 1u);
  Inject("uplink0", question_on_wire);
  EXPECT_EQ(Sent("uplink0").size(), 1u);

  const PortId port = Web().port;
  factory_["default/web"].SetState({.why_down = "eth0 was deleted", .is_gone = true});
  Step(absl::Seconds(0.3));
  EXPECT_EQ(Web().port, kNoPort);
  EXPECT_EQ(Web().why_down, "eth0 was deleted");
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "ranges");
  EXPECT_EQ(tables_->ports.Get(port), nullptr);
  EXPECT_EQ(tables_->pods.Get(port), nullptr);
  EXPECT_EQ((*workers_)[0].queues(), 2u);
  // Rule 14: nobody answers for it.
  Inject("default/db", question);
  EXPECT_THAT(Sent("default/db"), IsEmpty());
  Inject("uplink0", question_on_wire);
  EXPECT_THAT(Sent("uplink0"), IsEmpty());

  // Open again, which the wire is told.
  EXPECT_THAT(TimesOf(AnnouncementRequest(kWeb), "uplink0", absl::Seconds(5)).size(), 3u);
  EXPECT_NE(Web().port, kNoPort);
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "pod default/web");
  Inject("default/db", question);
  EXPECT_EQ(Sent("default/db").size(), 1u);
}

TEST_F(NodeTest, AClosedPodIsNoLongerAnnounced) {
  Start();
  Step(absl::ZeroDuration());
  EXPECT_THAT(Sent("uplink0"), testing::Contains(AnnouncementRequest(kWeb)));
  factory_["default/web"].SetState({.why_down = "eth0 was deleted", .is_gone = true});
  factory_.Fail("default/web", absl::NotFoundError("gone"));
  Step(absl::Seconds(0.3));
  EXPECT_THAT(TimesOf(AnnouncementRequest(kWeb), "uplink0", absl::Seconds(5)), IsEmpty());
}

// What was made for a port must not leave by the one that got its number.
TEST_F(NodeTest, AFrameForAPortThatIsGoneNeverLeavesByItsSuccessor) {
  StartQuietly();
  const PortId port = Web().port;
  events_.Put({.kind = EventKind::kAddressConflict, .port = port, .address = kDb, .mac = kWebMac});
  node_->Tick(clock_.time());  // a defence for web's port waits for the worker
  factory_["default/web"].SetState({.why_down = "eth0 was deleted", .is_gone = true});
  clock_.Advance(absl::Seconds(0.3));
  node_->Tick(clock_.time());
  clock_.Advance(absl::Seconds(1.1));
  node_->Tick(clock_.time());
  ASSERT_EQ(Web().port, port);
  Forward();
  EXPECT_THAT(Sent("default/web"), IsEmpty());
  EXPECT_EQ(drops(DropReason::kPortGone), 2u);
}

// --- Neighbours. ---

TEST_F(NodeTest, ANodeKnownByItsUnderlayAddressIsAskedFor) {
  AddNodeC();
  Start();
  EXPECT_EQ(node_->MacOf(config_.nodes[1]), std::nullopt);
  EXPECT_THAT(TimesOf(RequestFor(kNodeC), "uplink0", absl::Seconds(1.5)), ElementsAre(0.1, 1.1));
  Inject("default/web", FromWeb(kOnC));
  EXPECT_EQ(drops(DropReason::kNeighborUnresolved), 1u);

  Inject("uplink0", ReplyOf(kNodeC, kNodeCMac));
  EXPECT_EQ(Toward(kOnC).kind, NextHopKind::kNode);
  EXPECT_EQ(Toward(kNodeC).kind, NextHopKind::kNode);
  EXPECT_EQ(node_->MacOf(config_.nodes[1]), kNodeCMac);
  Sent("uplink0");
  Inject("default/web", FromWeb(kOnC));
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(FromWebBy(kNodeCMac, kVirtualMac, kOnC))));

  // It got another card.
  Inject("uplink0", ClaimOf(kNodeC, kStrangerMac));
  Inject("default/web", FromWeb(kOnC));
  EXPECT_THAT(Sent("uplink0"),
              ElementsAre(EqualsFrame(FromWebBy(kStrangerMac, kVirtualMac, kOnC))));
}

TEST_F(NodeTest, AnAnswerByTheWrongUplinkIsNotBelieved) {
  AddNodeC();
  AddQuietUplink();
  StartQuietly();
  Inject("uplink1", ReplyOf(kNodeC, kNodeCMac));
  EXPECT_EQ(Toward(kOnC).kind, NextHopKind::kUnresolved);
}

TEST_F(NodeTest, WhatTheKernelSendsOutsideGoesToTheRouter) {
  AddHostPort();
  config_.uplinks[0].router = kRouter;
  Start();
  const NodeSettings& settings = tables_->settings();
  EXPECT_EQ(settings.external_from_host, node_->owners().Find("router 192.0.2.254")->adjacency);
  EXPECT_EQ(settings.external_from_pod, node_->owners().Find("host")->adjacency);
  EXPECT_THAT(TimesOf(RequestFor(kRouter), "uplink0", absl::ZeroDuration()), IsEmpty());
  Inject("podwarp0", FromHost(kOutside));
  EXPECT_EQ(drops(DropReason::kNeighborUnresolved), 1u);
  Inject("uplink0", ReplyOf(kRouter, kRouterMac));
  Sent("uplink0");
  Inject("podwarp0", FromHost(kOutside));
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(FromHostBy(kRouterMac, kOutside))));
  Inject("default/web", FromWeb(kOutside));
  EXPECT_THAT(Sent("podwarp0"),
              ElementsAre(EqualsFrame(FromWebBy(HostMac(config_), kGatewayMac, kOutside))));
}

TEST_F(NodeTest, AHostThatTheKernelWantsIsAskedForAndForgotten) {
  AddHostPort();
  StartQuietly();
  Inject("podwarp0", FromHost(kStranger));
  EXPECT_EQ(drops(DropReason::kNeighborUnresolved), 1u);
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(RequestFor(kStranger))));
  EXPECT_EQ(node_->owners().OwnerOf(kStranger), "neighbor 192.0.2.77");
  EXPECT_EQ(Toward(kStranger).kind, NextHopKind::kUnresolved);

  Inject("uplink0", ReplyOf(kStranger, kStrangerMac));
  EXPECT_EQ(Toward(kStranger).kind, NextHopKind::kNeighbor);
  Inject("podwarp0", FromHost(kStranger));
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(FromHostBy(kStrangerMac, kStranger))));

  for (int i = 0; i < 34; ++i) Step(absl::Seconds(1));
  EXPECT_EQ(node_->owners().OwnerOf(kStranger), "segment of uplink0");
  EXPECT_EQ(node_->owners().Find("neighbor 192.0.2.77"), nullptr);
  EXPECT_THAT(node_->neighbors().all(), IsEmpty());
}

// A frame was on its way to the segment when the pod's port was opened.
TEST_F(NodeTest, ALateWishForANeighborTakesNoPodsAddress) {
  config_.pods.push_back(MakePod("on-wire", kStrangerMac, kStranger));
  StartQuietly();
  events_.Put({.kind = EventKind::kNeighborWanted, .port = 0, .address = kStranger, .mac = {}});
  Step(absl::ZeroDuration());
  EXPECT_EQ(node_->owners().OwnerOf(kStranger), "pod default/on-wire");
  EXPECT_THAT(node_->neighbors().all(), IsEmpty());
}

TEST_F(NodeTest, ANeighborThatFindsNoRoomIsWantedAgainLater) {
  AddHostPort();
  // Entry 0, ranges, reserved, gateway, services (also external and former ones), segment, host,
  // node-b, web, db.
  ASSERT_TRUE(TryStart(/*adjacencies=*/12).ok());
  Inject("podwarp0", FromHost(kStranger));
  EXPECT_THAT(node_->neighbors().all(), IsEmpty());
  factory_["default/web"].SetState({.why_down = "eth0 was deleted", .is_gone = true});
  factory_.Fail("default/web", absl::NotFoundError("gone"));
  Step(absl::Seconds(1));
  Inject("podwarp0", FromHost(kStranger));
  Inject("uplink0", ReplyOf(kStranger, kStrangerMac));
  EXPECT_EQ(node_->owners().OwnerOf(kStranger), "neighbor 192.0.2.77");
}

// --- What the wire is told. ---

TEST_F(NodeTest, ItsOwnAddressIsAnnouncedAtTheStart) {
  Start();
  EXPECT_THAT(TimesOf(AnnouncementRequest(kUnderlay), "uplink0", absl::Seconds(10)),
              ElementsAre(0.1, 1, 3));
}

TEST_F(NodeTest, AnArrivalIsAnnouncedOnUplinksThatAnnounce) {
  AddQuietUplink();
  StartQuietly();
  const Packet rarp = Padded(Ethernet(MacAddress::Broadcast(), kWebMac) / Arp::Rarp(kWebMac));
  factory_["default/web"].Inject(rarp);
  Forward();
  node_->Tick(clock_.time());
  Forward();
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(AnnouncementRequest(kWeb)),
                                           EqualsFrame(AnnouncementReply(kWeb))));
  EXPECT_THAT(TimesOf(AnnouncementRequest(kWeb), "uplink0", absl::Seconds(10)), ElementsAre(1, 3));
  EXPECT_THAT(Sent("uplink1"), IsEmpty());
  Inject("default/web", rarp);
  Sent("uplink0");
  EXPECT_THAT(TimesOf(AnnouncementReply(kWeb), "uplink0", absl::Seconds(10)), ElementsAre(1, 3));
}

TEST_F(NodeTest, AFloodOfArrivalsIsHeardOnceASecond) {
  StartQuietly();
  const Packet rarp = Padded(Ethernet(MacAddress::Broadcast(), kWebMac) / Arp::Rarp(kWebMac));
  size_t announcements = 0;
  for (int i = 0; i < 100; ++i) {
    factory_["default/web"].Inject(rarp);
    Step(absl::Milliseconds(10));
    announcements += Sent("uplink0").size();
  }
  EXPECT_LE(announcements, 4u);
  EXPECT_GE(announcements, 2u);
}

TEST_F(NodeTest, AConflictOnTheWireIsAnsweredOncePer10Seconds) {
  StartQuietly();
  for (int i = 0; i < 3; ++i) factory_["uplink0"].Inject(ClaimOf(kWeb, kStrangerMac));
  Step(absl::ZeroDuration());
  EXPECT_EQ(drops(DropReason::kArpConflict), 3u);
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(AnnouncementRequest(kWeb)),
                                           EqualsFrame(AnnouncementReply(kWeb))));
  Step(absl::Seconds(9));
  Inject("uplink0", ClaimOf(kWeb, kStrangerMac));
  EXPECT_THAT(Sent("uplink0"), IsEmpty());
  Step(absl::Seconds(1));
  Inject("uplink0", ClaimOf(kWeb, kStrangerMac));
  EXPECT_EQ(Sent("uplink0").size(), 2u);
  EXPECT_EQ(Toward(kWeb).kind, NextHopKind::kPod);
}

TEST_F(NodeTest, AConflictBetweenPodsIsCountedAndDefended) {
  StartQuietly();
  Inject("default/db", ClaimOf(kWeb, kDbMac));
  EXPECT_EQ(node_->pods().at("default/db").conflicts, 1u);
  EXPECT_EQ(Web().conflicts, 0u);
  EXPECT_EQ(Sent("default/db").size(), 2u);
  EXPECT_THAT(Sent("uplink0"), IsEmpty());
}

TEST_F(NodeTest, OnAQuietUplinkOnlyTheUnderlayAddressIsDefended) {
  config_.uplinks[0].announce_pods = false;
  StartQuietly();
  Inject("uplink0", ClaimOf(kWeb, kStrangerMac));
  EXPECT_THAT(Sent("uplink0"), IsEmpty());
  Inject("uplink0", ClaimOf(kUnderlay, kStrangerMac));
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(AnnouncementRequest(kUnderlay)),
                                           EqualsFrame(AnnouncementReply(kUnderlay))));
}

// Every node's pods have the same gateway.
TEST_F(NodeTest, TheGatewayIsNotDefendedOnTheWire) {
  StartQuietly();
  Inject("uplink0", ClaimOf(kGateway, kStrangerMac));
  EXPECT_EQ(drops(DropReason::kArpConflict), 1u);
  EXPECT_THAT(Sent("uplink0"), IsEmpty());
}

TEST_F(NodeTest, AConflictThatHasResolvedItselfIsNoConflict) {
  StartQuietly();
  events_.Put(
      {.kind = EventKind::kAddressConflict, .port = Web().port, .address = kWeb, .mac = kWebMac});
  Step(absl::ZeroDuration());
  EXPECT_THAT(Sent("default/web"), IsEmpty());
  EXPECT_EQ(Web().conflicts, 0u);
}

TEST_F(NodeTest, APodsOwnAnnouncementIsASignOfLife) {
  StartQuietly();
  EXPECT_EQ(Web().last_seen, absl::InfinitePast());
  Inject("default/web", ClaimOf(kWeb, kWebMac));
  EXPECT_EQ(Web().last_seen, clock_.time());
}

TEST_F(NodeTest, KeepsAliveWithAndWithoutAnAddress) {
  AddQuietUplink();
  Start();
  for (int i = 0; i < 100; ++i) Step(absl::Milliseconds(500));
  Sent("uplink0");
  Sent("uplink1");
  for (int i = 0; i < 40; ++i) Step(absl::Milliseconds(500));
  EXPECT_THAT(Sent("uplink0"), ElementsAre(EqualsFrame(AnnouncementRequest(kUnderlay))));
  EXPECT_THAT(Sent("uplink1"),
              ElementsAre(EqualsFrame(Padded(Ethernet(kVirtualMac, kVirtualMac) / Raw({})))));
}

// --- The end. ---

TEST_F(NodeTest, StopLetsGoOfEverything) {
  AddHostPort();
  Start();
  factory_["default/web"].Inject(FromWeb(kDb));  // never received
  node_->Tick(clock_.time());                    // announcements that no worker takes any more
  node_->Stop();
  EXPECT_THAT(tables_->ports.Ids(), IsEmpty());
  EXPECT_EQ((*workers_)[0].queues(), 0u);
  EXPECT_EQ(tables_->rcu.pending(), 0u);
  EXPECT_EQ(Web().port, kNoPort);
  Forward();
  EXPECT_EQ(counters().originated.value(), drops(DropReason::kPortGone));
  EXPECT_EQ(BuffersInUse(), before_);
}

}  // namespace
}  // namespace podwarp::test
