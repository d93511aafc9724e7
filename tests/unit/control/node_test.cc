#include "control/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "support/describe.h"
#include "support/eal.h"
#include "support/fake_clock.h"
#include "support/memory_port.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const MacAddress kVirtualMac = "02:11:22:33:44:55"_mac;
const MacAddress kGatewayMac = "02:00:5e:00:00:01"_mac;
const MacAddress kWebMac = "02:00:00:00:01:0a"_mac;
const MacAddress kDbMac = "02:00:00:00:01:0b"_mac;
const MacAddress kNodeBMac = "02:00:00:00:00:0b"_mac;
const MacAddress kNodeCMac = "02:00:00:00:00:0c"_mac;
const MacAddress kRouterMac = "02:00:00:00:00:fe"_mac;
const MacAddress kStrangerMac = "02:00:00:00:00:77"_mac;

const Ipv4Address kGateway = "10.244.0.1"_ip;
const Ipv4Address kHostAddress = "10.244.1.2"_ip;
const Ipv4Address kWeb = "10.244.1.10"_ip;
const Ipv4Address kDb = "10.244.1.11"_ip;
const Ipv4Address kOnB = "10.244.2.10"_ip;
const Ipv4Address kOnC = "10.244.3.10"_ip;
const Ipv4Address kUnderlay = "192.0.2.1"_ip;
const Ipv4Address kNodeC = "192.0.2.3"_ip;
const Ipv4Address kStranger = "192.0.2.77"_ip;
const Ipv4Address kRouter = "192.0.2.254"_ip;
const Ipv4Address kOutside = "203.0.113.9"_ip;

// Memory ports, and for each name the error that keeps it from being opened.
class MemoryPortFactory : public PortFactory {
 public:
  explicit MemoryPortFactory(const Config* config) : config_(*config) {}

  absl::StatusOr<std::unique_ptr<Port>> OpenUplink(const UplinkConfig& uplink) override {
    return Open(UplinkSettings(config_, uplink, /*workers=*/1));
  }
  absl::StatusOr<std::unique_ptr<Port>> OpenHostPort(const HostPortConfig& host) override {
    return Open(HostPortSettings(config_, host, /*workers=*/1));
  }
  absl::StatusOr<std::unique_ptr<Port>> OpenPodPort(const PodConfig& pod) override {
    return Open(PodPortSettings(config_, pod, /*workers=*/1));
  }

  MemoryPort& operator[](const std::string& name) { return *ports_.at(name); }
  void Fail(const std::string& name, absl::Status status) { errors_[name] = std::move(status); }
  void Recover(const std::string& name) { errors_.erase(name); }

 private:
  absl::StatusOr<std::unique_ptr<Port>> Open(PortSettings settings) {
    const auto error = errors_.find(settings.name);
    if (error != errors_.end()) return error->second;
    const std::string name = settings.name;
    auto port =
        std::make_unique<MemoryPort>(std::move(settings), PortCapabilities{.vlan_insert = true});
    ports_[name] = port.get();
    return port;
  }

  const Config& config_;
  std::map<std::string, MemoryPort*> ports_;
  std::map<std::string, absl::Status> errors_;
};

PodConfig MakePod(const std::string& name, MacAddress mac, Ipv4Address address) {
  PodConfig pod;
  pod.name = name;
  pod.mac = mac;
  pod.addresses = {address};
  return pod;
}

Config MakeConfig() {
  Config config;
  config.node_name = "node-a";
  config.virtual_mac = kVirtualMac;
  config.gateway = {.address = kGateway, .mac = kGatewayMac};
  config.pod_ranges = {"10.244.0.0/16"_prefix};
  config.node_pod_ranges = {"10.244.1.0/24"_prefix};
  config.service_ranges = {"10.96.0.0/12"_prefix};
  config.reserved_addresses = {"10.244.1.1"_ip};
  config.hairpin_mode = HairpinMode::kNone;
  UplinkConfig uplink;
  uplink.name = "uplink0";
  uplink.address = kUnderlay;
  uplink.address_prefix_length = 24;
  uplink.announce_pods = true;
  config.uplinks = {uplink};
  config.pods = {MakePod("web", kWebMac, kWeb), MakePod("db", kDbMac, kDb)};
  RemoteNodeConfig node;
  node.name = "node-b";
  node.virtual_mac = kNodeBMac;
  node.uplink = "uplink0";
  node.pod_ranges = {"10.244.2.0/24"_prefix};
  config.nodes = {node};
  config.routes = {{.prefix = "10.244.1.99/32"_prefix, .node = "node-b"}};
  return config;
}

Packet Padded(const Packet& packet) { return packet.PadTo(60); }

Packet AnnouncementRequest(Ipv4Address address) {
  return Padded(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                Arp::Announcement(kVirtualMac, address));
}
Packet AnnouncementReply(Ipv4Address address) {
  return Padded(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                Arp::Reply(kVirtualMac, address, MacAddress::Broadcast(), address));
}
Packet RequestFor(Ipv4Address address) {
  return Padded(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                Arp::Request(kVirtualMac, kUnderlay, address));
}
Packet ReplyOf(Ipv4Address address, MacAddress mac) {
  return Padded(Ethernet(kVirtualMac, mac) / Arp::Reply(mac, address, kVirtualMac, kUnderlay));
}
Packet ClaimOf(Ipv4Address address, MacAddress mac) {
  return Padded(Ethernet(MacAddress::Broadcast(), mac) / Arp::Announcement(mac, address));
}

class NodeTest : public testing::Test {
 protected:
  ~NodeTest() override {
    if (node_) node_->Stop();
    node_.reset();
    workers_.reset();
    tables_.reset();
    EXPECT_EQ(BuffersInUse(), before_);
  }

  absl::Status TryStart(uint32_t adjacencies = 256) {
    tables_.emplace(/*workers=*/1, adjacencies);
    std::vector<std::unique_ptr<Worker>> workers;
    workers.push_back(std::make_unique<Worker>(
        WorkerOptions{.id = 0, .limits = {Rate::Unlimited(), Rate::Unlimited()}, .idle = {}},
        &*tables_, &events_, TestPool()));
    workers_.emplace(std::move(workers), &*tables_);
    node_.emplace(&config_, &*tables_, &factory_, &*workers_, &events_, TestPool());
    return node_->Start(clock_.time());
  }
  void Start() { ASSERT_TRUE(TryStart().ok()); }
  // Past the announcements of the start.
  void StartQuietly() {
    Start();
    for (int i = 0; i < 10; ++i) Step(absl::Seconds(0.5));
    for (const UplinkConfig& uplink : config_.uplinks) factory_[uplink.name].TakeTransmitted();
  }

  WorkerCounters const& counters() const { return (*workers_)[0].counters(); }
  uint64_t drops(DropReason reason) const {
    return counters().drops[static_cast<size_t>(reason)].value();
  }

  // All that is on its way arrives.
  void Forward() {
    while ((*workers_)[0].Round() > 0) continue;
  }
  // What was said meanwhile is heard, and what is due then is sent.
  void Step(absl::Duration time) {
    Forward();
    clock_.Advance(time);
    node_->Tick(clock_.time());
    Forward();
  }
  void Inject(const std::string& port, const Packet& packet) {
    factory_[port].Inject(packet);
    Step(absl::ZeroDuration());
  }
  std::vector<Packet> Sent(const std::string& port) { return factory_[port].TakeTransmitted(); }
  // When `port` sends `packet` in the next `duration`, in steps of 0.1 s.
  std::vector<double> TimesOf(const Packet& packet, const std::string& port,
                              absl::Duration duration) {
    std::vector<double> times;
    const absl::Time start = clock_.time();
    for (absl::Time end = start + duration;; Step(absl::Seconds(0.1))) {
      for (const Packet& sent : Sent(port)) {
        if (sent == packet) times.push_back(absl::ToDoubleSeconds(clock_.time() - start));
      }
      if (clock_.time() >= end) return times;
    }
  }

  const Adjacency& Toward(Ipv4Address address) const {
    return tables_->adjacencies[tables_->routes.Lookup(address)];
  }
  const Node::PodRecord& Web() const { return node_->pods().at("default/web"); }

  static Packet FromWeb(Ipv4Address destination, uint8_t ttl = 64) {
    return Ethernet(kGatewayMac, kWebMac) / Ipv4(kWeb, destination).Ttl(ttl) / Udp(1, 2) /
           Payload(30);
  }
  static Packet FromWebBy(MacAddress to, MacAddress from, Ipv4Address destination) {
    return Ethernet(to, from) / Ipv4(kWeb, destination).Ttl(63) / Udp(1, 2) / Payload(30);
  }
  Packet FromHost(Ipv4Address destination) const {
    return Ethernet(kGatewayMac, HostMac(config_)) / Ipv4(kHostAddress, destination) / Udp(1, 2) /
           Payload(30);
  }
  static Packet FromHostBy(MacAddress to, Ipv4Address destination) {
    return Ethernet(to, kVirtualMac) / Ipv4(kHostAddress, destination).Ttl(63) / Udp(1, 2) /
           Payload(30);
  }
  void AddNodeC() {
    RemoteNodeConfig node;
    node.name = "node-c";
    node.underlay_address = kNodeC;
    node.uplink = "uplink0";
    node.pod_ranges = {"10.244.3.0/24"_prefix};
    config_.nodes.push_back(node);
  }
  void AddHostPort() { config_.host_port = HostPortConfig{.address = kHostAddress}; }
  void AddQuietUplink() {
    UplinkConfig uplink;
    uplink.name = "uplink1";
    config_.uplinks.push_back(uplink);
  }

  const unsigned before_ = BuffersInUse();
  FakeClock clock_{.now = 3'600'000'000'000};
  Config config_ = MakeConfig();
  MemoryPortFactory factory_{&config_};
  EventRing events_{kEventRingSize};
  std::optional<Tables> tables_;
  std::optional<WorkerSet> workers_;
  std::optional<Node> node_;
};

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
  // Entry 0, ranges, reserved, gateway, segment, host, node-b, web, db.
  ASSERT_TRUE(TryStart(/*adjacencies=*/9).ok());
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
