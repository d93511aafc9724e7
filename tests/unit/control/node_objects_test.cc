// Pods, nodes and routes that come, change and go while frames are forwarded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class NodeObjectsTest : public NodeTest {
 protected:
  NodeObjectsTest() { StartQuietly(); }

  absl::Status Change(std::optional<Object> before, std::optional<Object> after) {
    const absl::Status status =
        node_->Apply({.before = std::move(before), .after = std::move(after)}, clock_.time());
    Step(absl::ZeroDuration());
    return status;
  }
  void Come(Object object) { EXPECT_EQ(Change(std::nullopt, std::move(object)), absl::OkStatus()); }
  void Go(Object object) { EXPECT_EQ(Change(std::move(object), std::nullopt), absl::OkStatus()); }
  void Becomes(Object before, Object after) {
    EXPECT_EQ(Change(std::move(before), std::move(after)), absl::OkStatus());
  }

  // What leaves by `port` of a frame from web to `destination`.
  std::vector<Packet> SentBy(const std::string& port, Ipv4Address destination) {
    Sent(port);
    Inject("default/web", FromWeb(destination));
    std::vector<Packet> frames;
    for (const Packet& packet : Sent(port)) {
      if (packet.bytes()[12] == 0x08 && packet.bytes()[13] == 0x00) frames.push_back(packet);
    }
    return frames;
  }

  const PodConfig web_ = config_.pods[0];
  const RemoteNodeConfig node_b_ = config_.nodes[0];
};

constexpr char kApi[] = "default/api";
const MacAddress kApiMac = "02:00:00:00:01:0c"_mac;
const Ipv4Address kApiIp = "10.244.1.12"_ip;

// --- Pods. ---

TEST_F(NodeObjectsTest, APodComesAndGoes) {
  const PodConfig api = MakePod("api", kApiMac, kApiIp);
  Come(api);
  EXPECT_THAT(SentBy(kApi, kApiIp),
              ElementsAre(EqualsFrame(FromWebBy(kApiMac, kGatewayMac, kApiIp))));
  EXPECT_THAT(TimesOf(AnnouncementRequest(kApiIp), "uplink0", absl::Seconds(0.3)), SizeIs(1));

  Go(api);
  EXPECT_EQ(node_->owners().OwnerOf(kApiIp), "ranges");
  const uint64_t before = drops(DropReason::kUnownedAddress);
  Inject("default/web", FromWeb(kApiIp));
  EXPECT_EQ(drops(DropReason::kUnownedAddress), before + 1);
  EXPECT_THAT(factory_.removed, ElementsAre(kApi));
  EXPECT_THAT(TimesOf(AnnouncementRequest(kApiIp), "uplink0", absl::Seconds(5)), IsEmpty());
}

TEST_F(NodeObjectsTest, APodIsRefusedIfItIsThereAndMissedIfItIsNot) {
  EXPECT_EQ(Change(std::nullopt, web_),
            absl::FailedPreconditionError("pod default/web is there already"));
  const PodConfig api = MakePod("api", kApiMac, kApiIp);
  EXPECT_EQ(Change(api, std::nullopt),
            absl::FailedPreconditionError("pod default/api is not there"));
}

TEST_F(NodeObjectsTest, APodWithOtherAddressesKeepsItsPort) {
  const PortId port = Web().port;
  PodConfig after = web_;
  after.addresses = {kApiIp};
  Becomes(web_, after);
  EXPECT_EQ(Web().port, port);
  EXPECT_EQ(node_->owners().OwnerOf(kApiIp), "pod default/web");
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "ranges");
  EXPECT_THAT(factory_.reconfigured, ElementsAre("default/web"));
  // It speaks with its new address, and no longer with its old one.
  const uint64_t spoofed = drops(DropReason::kSpoofedIp);
  Inject("default/web", FromWeb(kDb));
  EXPECT_EQ(drops(DropReason::kSpoofedIp), spoofed + 1);
  Inject("default/web", Ethernet(kGatewayMac, kWebMac) / Ipv4(kApiIp, kDb) / Udp(1, 2));
  EXPECT_THAT(Sent("default/db"), SizeIs(1));
}

TEST_F(NodeObjectsTest, APodOfAnotherSandboxKeepsItsPort) {
  const PortId port = Web().port;
  PodConfig after = web_;
  after.sandbox = "net/1/eth0";
  Becomes(web_, after);
  EXPECT_EQ(Web().port, port);
  EXPECT_EQ(Web().config.sandbox, "net/1/eth0");
  EXPECT_THAT(SentBy("default/db", kDb), SizeIs(1));
}

TEST_F(NodeObjectsTest, APodWhoseLinkChangesKeepsItsPortAndIsReconfigured) {
  const PortId port = Web().port;
  PodConfig after = web_;
  std::get<TapPortConfig>(after.port).on_link = false;
  Becomes(web_, after);
  EXPECT_EQ(Web().port, port);
  EXPECT_THAT(factory_.reconfigured, ElementsAre("default/web"));
  EXPECT_THAT(factory_.removed, IsEmpty());
}

TEST_F(NodeObjectsTest, APodWithAnotherMacGetsAnotherPort) {
  PodConfig after = web_;
  after.mac = kApiMac;
  Becomes(web_, after);
  Inject("default/db", Ethernet(kGatewayMac, kDbMac) / Ipv4(kDb, kWeb) / Udp(1, 2));
  const std::vector<Packet> frames = Sent("default/web");
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0], Ethernet(kApiMac, kGatewayMac) / Ipv4(kDb, kWeb).Ttl(63) / Udp(1, 2));
}

TEST_F(NodeObjectsTest, APodThatCantBeOpenedAfterAChangeIsTriedAgain) {
  factory_.Fail("default/web", absl::NotFoundError("no such namespace"));
  PodConfig after = web_;
  after.mtu_bytes = 1400;
  Becomes(web_, after);
  EXPECT_EQ(Web().why_down, "no such namespace");
  factory_.Recover("default/web");
  Step(absl::Seconds(1.1));
  EXPECT_NE(Web().port, kNoPort);
  EXPECT_EQ(tables_->ports.Get(Web().port)->settings().mtu_bytes, 1400);
}

TEST_F(NodeObjectsTest, APodWithoutAPortGoes) {
  factory_.Fail(kApi, absl::NotFoundError("no such namespace"));
  const PodConfig api = MakePod("api", kApiMac, kApiIp);
  Come(api);
  EXPECT_EQ(node_->pods().at(kApi).why_down, "no such namespace");
  Go(api);
  EXPECT_FALSE(node_->pods().contains(kApi));
}

// --- Routes. ---

TEST_F(NodeObjectsTest, ARouteComesMovesAndGoes) {
  RemoteNodeConfig node_c = node_b_;
  node_c.name = "node-c";
  node_c.virtual_mac = kNodeCMac;
  node_c.pod_ranges = {"10.244.3.0/24"_prefix};
  Come(node_c);
  const RouteConfig to_c{.prefix = "10.244.2.10/32"_prefix, .node = "node-c"};
  const RouteConfig to_b{.prefix = to_c.prefix, .node = "node-b"};
  Come(to_c);
  EXPECT_THAT(SentBy("uplink0", kOnB),
              ElementsAre(EqualsFrame(FromWebBy(kNodeCMac, kVirtualMac, kOnB))));
  Becomes(to_c, to_b);
  EXPECT_THAT(SentBy("uplink0", kOnB),
              ElementsAre(EqualsFrame(FromWebBy(kNodeBMac, kVirtualMac, kOnB))));
  Becomes(to_b, to_c);
  Go(to_c);  // back to where its range is
  EXPECT_THAT(SentBy("uplink0", kOnB),
              ElementsAre(EqualsFrame(FromWebBy(kNodeBMac, kVirtualMac, kOnB))));
}

TEST_F(NodeObjectsTest, AnAddressMovesBetweenNodeAndPodWithoutAGap) {
  const PodConfig api = MakePod("api", kApiMac, kApiIp);
  const RouteConfig route{.prefix = Ipv4Prefix::Host(kApiIp), .node = "node-b"};
  Come(route);
  Come(api);
  EXPECT_EQ(node_->owners().OwnerOf(kApiIp), "pod default/api");
  Go(route);
  EXPECT_EQ(node_->owners().OwnerOf(kApiIp), "pod default/api");
  Come(route);
  EXPECT_EQ(node_->owners().OwnerOf(kApiIp), "node node-b");
  Go(api);
  EXPECT_EQ(node_->owners().OwnerOf(kApiIp), "node node-b");
}

TEST_F(NodeObjectsTest, ARouteToNobodyIsRefused) {
  const absl::Status status =
      Change(std::nullopt, RouteConfig{.prefix = "10.244.9.0/24"_prefix, .node = "nobody"});
  EXPECT_EQ(status, absl::NotFoundError("there is no node nobody"));
}

// --- Remote nodes. ---

TEST_F(NodeObjectsTest, ANodeGoesWithAllItsRanges) {
  Go(RouteConfig{.prefix = "10.244.1.99/32"_prefix, .node = "node-b"});
  Go(node_b_);
  EXPECT_EQ(node_->owners().OwnerOf(kOnB), "ranges");
  EXPECT_FALSE(node_->remote_nodes().contains("node-b"));
}

TEST_F(NodeObjectsTest, ANodeWithOtherRangesAndMacIsFollowed) {
  RemoteNodeConfig after = node_b_;
  after.virtual_mac = kNodeCMac;
  after.pod_ranges = {"10.244.3.0/24"_prefix};
  Becomes(node_b_, after);
  EXPECT_EQ(node_->owners().OwnerOf(kOnB), "ranges");
  EXPECT_THAT(SentBy("uplink0", kOnC),
              ElementsAre(EqualsFrame(FromWebBy(kNodeCMac, kVirtualMac, kOnC))));
  // Its routes lead there too.
  EXPECT_EQ(Toward("10.244.1.99"_ip).destination, kNodeCMac);
}

TEST_F(NodeObjectsTest, ANodeWhoseMacIsNoLongerToldIsAskedFor) {
  RemoteNodeConfig asked = node_b_;
  asked.virtual_mac.reset();
  asked.underlay_address = kNodeC;
  Becomes(node_b_, asked);
  EXPECT_EQ(Toward(kOnB).kind, NextHopKind::kUnresolved);
  EXPECT_THAT(TimesOf(RequestFor(kNodeC), "uplink0", absl::Seconds(0.1)), SizeIs(1));
  Inject("uplink0", ReplyOf(kNodeC, kNodeCMac));
  EXPECT_THAT(SentBy("uplink0", kOnB),
              ElementsAre(EqualsFrame(FromWebBy(kNodeCMac, kVirtualMac, kOnB))));

  Becomes(asked, node_b_);
  EXPECT_THAT(SentBy("uplink0", kOnB),
              ElementsAre(EqualsFrame(FromWebBy(kNodeBMac, kVirtualMac, kOnB))));
  EXPECT_THAT(node_->neighbors().all(), IsEmpty());
  EXPECT_EQ(node_->owners().OwnerOf(kNodeC), "segment of uplink0");
}

TEST_F(NodeObjectsTest, ANodeThatWasAStrangerOnTheSegmentIsAskedForAnew) {
  events_.Put({.kind = EventKind::kNeighborWanted, .port = kNoPort, .address = kNodeC});
  Step(absl::ZeroDuration());
  ASSERT_EQ(node_->owners().OwnerOf(kNodeC), "neighbor 192.0.2.3");
  RemoteNodeConfig node_c;
  node_c.name = "node-c";
  node_c.underlay_address = kNodeC;
  node_c.uplink = "uplink0";
  node_c.pod_ranges = {"10.244.3.0/24"_prefix};
  Come(node_c);
  EXPECT_EQ(node_->owners().OwnerOf(kNodeC), "node node-c");
  Go(node_c);
  EXPECT_THAT(node_->neighbors().all(), IsEmpty());
}

TEST_F(NodeObjectsTest, ANodeThatFindsNoRoomLeavesNothingBehind) {
  RemoteNodeConfig asked = node_b_;
  asked.name = "node-c";
  asked.virtual_mac.reset();
  asked.underlay_address = kNodeC;
  asked.pod_ranges = {"10.244.3.0/24"_prefix};
  Come(asked);
  RemoteNodeConfig second = asked;  // with the same address
  second.name = "node-d";
  EXPECT_EQ(Change(std::nullopt, second).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(node_->remote_nodes().contains("node-d"));
  EXPECT_EQ(node_->owners().Find("node node-d"), nullptr);
  EXPECT_EQ(node_->owners().OwnerOf(kNodeC), "node node-c");
}

TEST_F(NodeObjectsTest, ANodeThatCantMoveStaysAskedForWhereItIs) {
  RemoteNodeConfig node_c = node_b_;
  node_c.name = "node-c";
  node_c.virtual_mac.reset();
  node_c.underlay_address = kNodeC;
  node_c.pod_ranges = {"10.244.3.0/24"_prefix};
  Come(node_c);
  RemoteNodeConfig node_d = node_c;
  node_d.name = "node-d";
  node_d.underlay_address = kStranger;
  node_d.pod_ranges = {"10.244.4.0/24"_prefix};
  Come(node_d);
  RemoteNodeConfig moved = node_d;
  moved.underlay_address = kNodeC;  // node-c's
  EXPECT_TRUE(absl::IsAlreadyExists(Change(node_d, moved)));
  EXPECT_TRUE(node_->neighbors().all().contains(kStranger));
  Go(node_d);
  EXPECT_TRUE(node_->neighbors().all().contains(kNodeC));
  EXPECT_FALSE(node_->neighbors().all().contains(kStranger));
}

// --- Settings. ---

TEST_F(NodeObjectsTest, TheHairpinModeChanges) {
  ASSERT_FALSE(tables_->settings().promiscuous_arp);
  node_->SetHairpinMode(HairpinMode::kPromiscuousArp);
  EXPECT_TRUE(tables_->settings().promiscuous_arp);
  EXPECT_TRUE(tables_->settings().allow_hairpin);
}

// --- Services. ---

TEST_F(NodeObjectsTest, AServiceComesChangesAndGoes) {
  const ServiceConfig at_db = MakeService({kDb});
  Come(at_db);
  EXPECT_THAT(SentBy("default/db", kServiceAddress),
              ElementsAre(EqualsFrame(ToBackendBy(kDbMac, kGatewayMac, kDb))));

  // The backend that its flow went to is gone: it goes to the other one at once.
  const ServiceConfig on_b = MakeService({kOnB});
  Becomes(at_db, on_b);
  EXPECT_THAT(SentBy("uplink0", kServiceAddress),
              ElementsAre(EqualsFrame(ToBackendBy(kNodeBMac, kVirtualMac, kOnB))));

  Go(on_b);
  const uint64_t refused = drops(DropReason::kServiceNoBackend);
  EXPECT_THAT(SentBy("uplink0", kServiceAddress), IsEmpty());
  EXPECT_EQ(drops(DropReason::kServiceNoBackend), refused + 1) << "for a minute";
  Step(Services::kLinger);
  EXPECT_EQ(node_->owners().OwnerOf(kServiceAddress), "ranges");
  const uint64_t before = drops(DropReason::kUnownedAddress);
  EXPECT_THAT(SentBy("uplink0", kServiceAddress), IsEmpty());
  EXPECT_EQ(drops(DropReason::kUnownedAddress), before + 1);
}

TEST_F(NodeObjectsTest, AServiceThatIsNotThereDoesNotGo) {
  EXPECT_EQ(Change(MakeService({kDb}), std::nullopt),
            absl::FailedPreconditionError("service default/web is not there"));
}

}  // namespace
}  // namespace podwarp::test
