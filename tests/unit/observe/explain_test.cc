// What explain says becomes of a frame is what then becomes of it: on made-up nodes with all kinds
// of ports, routes and services, for made-up senders and destinations. And it changes nothing.
#include "observe/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "observe/step_text.h"
#include "podwarp/net/checksum.h"
#include "support/chance.h"
#include "support/mbuf.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kSeeds = 8;
constexpr int kPairs = 60;  // of each seed
constexpr uint16_t kVlan = 100;
constexpr uint16_t kBackendPort = 8080;

// What can be told apart of a frame that leaves: by which port, MACs, time to live, flow.
std::string Leaving(const std::string& port, MacAddress to, MacAddress from, uint8_t ttl,
                    const FlowKey& flow) {
  return absl::StrCat(port, ": ", to.ToString(), " < ", from.ToString(), " ttl ", ttl, " ",
                      flow.source.ToString(), ":", flow.source_port.host(), " > ",
                      flow.destination.ToString(), ":", flow.destination_port.host(), " protocol ",
                      flow.protocol);
}

// All that is said, or seen, of what becomes of a frame.
struct Fate {
  std::vector<std::string> sent;     // sorted
  std::vector<std::string> dropped;  // sorted
  uint64_t consumed = 0;
  uint64_t made = 0;

  friend bool operator==(const Fate&, const Fate&) = default;
  friend void PrintTo(const Fate& fate, std::ostream* out) {
    for (const std::string& line : fate.sent) *out << "\n  sent " << line;
    for (const std::string& reason : fate.dropped) *out << "\n  dropped " << reason;
    *out << "\n  consumed " << fate.consumed << ", made " << fate.made;
  }
};

class ExplainTest : public NodeTest {
 protected:
  // --- A made-up node. ---
  void MakeUp(Chance& chance) {
    static constexpr HairpinMode kModes[] = {HairpinMode::kPromiscuousArp,
                                             HairpinMode::kHairpinVeth, HairpinMode::kNone};
    config_.hairpin_mode = chance.Of(kModes);
    config_.hairpin_address = chance.OneIn(3) ? Ipv4Address() : kGateway;
    config_.pods.clear();
    for (uint8_t i = 0; i < 8; ++i) config_.pods.push_back(MakeUpPod(chance, i));
    if (!chance.OneIn(4)) AddHostPort();
    AddNodeC();  // never answers
    RemoteNodeConfig answering = config_.nodes.back();
    answering.name = "node-d";
    answering.underlay_address = kNodeD;
    answering.pod_ranges = {"10.244.4.0/24"_prefix};
    config_.nodes.push_back(answering);
    UplinkConfig trunk;
    trunk.name = "trunk";
    trunk.vlan_id = kVlan;
    trunk.mtu_bytes = chance.OneIn(2) ? 1500 : 600;
    config_.uplinks.push_back(trunk);
    RemoteNodeConfig beyond;
    beyond.name = "node-e";
    beyond.virtual_mac = "02:00:00:00:00:0e"_mac;
    beyond.uplink = "trunk";
    beyond.pod_ranges = {"10.244.5.0/24"_prefix};
    config_.nodes.push_back(beyond);
    if (chance.OneIn(2)) config_.uplinks[0].router = kRouter;
    config_.uplinks[0].announce_services = chance.OneIn(2);
    for (uint8_t i = 0; i < 6; ++i) config_.services.push_back(MakeUpService(chance, i));
  }

  static PodConfig MakeUpPod(Chance& chance, uint8_t i) {
    PodConfig pod = MakePod(absl::StrCat("p", i), MacAddress({2, 0, 0, 0, 1, i}),
                            Ipv4Address(10, 244, 1, i + 10));
    static constexpr uint16_t kMtus[] = {1500, 1500, 576, 9000};
    pod.mtu_bytes = chance.Of(kMtus);
    if (chance.OneIn(4)) pod.addresses.push_back(Ipv4Address(10, 244, 1, i + 110));
    if (chance.OneIn(4)) pod.allowed_prefixes = {"172.20.0.0/16"_prefix};
    TapPortConfig tap;
    tap.on_link = !chance.OneIn(4);
    pod.port = tap;
    return pod;
  }

  static ServiceConfig MakeUpService(Chance& chance, uint8_t i) {
    static const Ipv4Address kElsewhere[] = {kOnB, kOnC, "10.244.4.10"_ip, "10.244.5.10"_ip};
    ServicePortConfig port;
    static constexpr uint8_t kServed[] = {kIpProtocolTcp, kIpProtocolTcp, kIpProtocolUdp,
                                          kIpProtocolSctp};
    port.protocol = chance.Of(kServed);
    port.port = 80;
    if (chance.OneIn(3)) port.node_port = static_cast<uint16_t>(30'000 + i);
    for (uint32_t count = chance.Below(4); count > 0; --count) {
      BackendConfig backend;
      backend.address = chance.OneIn(3)
                            ? chance.Of(kElsewhere)
                            : Ipv4Address(10, 244, 1, static_cast<uint8_t>(10 + chance.Below(8)));
      backend.port = kBackendPort;
      if (chance.OneIn(4)) backend.phase = BackendPhase::kTerminating;
      const auto same = [&](const BackendConfig& other) {
        return other.address == backend.address;
      };
      if (std::none_of(port.backends.begin(), port.backends.end(), same)) {
        port.backends.push_back(backend);
      }
    }
    ServiceConfig service;
    service.name = absl::StrCat("s", i);
    service.address = Ipv4Address(10, 96, 0, i + 10);
    service.ports = {port};
    if (chance.OneIn(3)) service.session_affinity = absl::Hours(1);
    if (chance.OneIn(2)) service.external_addresses = {Ipv4Address(198, 51, 100, i)};
    if (chance.OneIn(3)) service.source_ranges = {"192.0.2.0/25"_prefix};
    if (chance.OneIn(4)) service.internal_traffic = TrafficPolicy::kLocal;
    if (chance.OneIn(4)) service.external_traffic = TrafficPolicy::kLocal;
    return service;
  }

  // Some pods' ports can't be opened, or are down.
  void StartMadeUp(Chance& chance) {
    for (const PodConfig& pod : config_.pods) {
      if (chance.OneIn(8)) factory_.Fail(pod.full_name(), absl::InternalError("no device"));
    }
    StartQuietly();
    Inject("uplink0", ReplyOf(kNodeD, kNodeDMac));
    if (chance.OneIn(2)) Inject("uplink0", ReplyOf(kRouter, kRouterMac));
    for (const PortId id : tables_->ports.Ids()) {
      if (chance.OneIn(6)) MemoryPortOf(id).SetState({.up = false, .why_down = "no peer"});
    }
    Step(absl::Seconds(1));
    Settle();
  }

  ExplainRequest MakeUpRequest(Chance& chance) {
    ExplainRequest request;
    static const std::string kOthers[] = {"host", "uplink0", "trunk"};
    request.from = chance.OneIn(3) ? chance.Of(kOthers)
                                   : absl::StrCat("default/p", chance.Below(config_.pods.size()));
    const bool from_wire = request.from == "uplink0" || request.from == "trunk";
    FlowKey& flow = request.flow;
    if (chance.OneIn(2)) {
      CallService(chance, &flow);
    } else {
      flow.destination = MakeUpDestination(chance);
      static constexpr uint8_t kProtocols[] = {kIpProtocolIcmp, kIpProtocolTcp, kIpProtocolUdp,
                                               kIpProtocolSctp};
      flow.protocol = chance.Of(kProtocols);
      if (flow.protocol != kIpProtocolIcmp) {
        static constexpr uint16_t kPorts[] = {80, 81, 1000, 1001, 30'000};
        flow.destination_port = Be16(chance.Of(kPorts));
      }
    }
    if (flow.protocol != kIpProtocolIcmp) {
      static constexpr uint16_t kSourcePorts[] = {0, 1000, 1001, kBackendPort};
      flow.source_port = Be16(chance.Of(kSourcePorts));
    }
    if (from_wire || chance.OneIn(8)) {
      static const Ipv4Address kSources[] = {kOnB,
                                             "10.244.5.9"_ip,
                                             kStranger,
                                             kOutside,
                                             kNodeD,
                                             "172.20.3.4"_ip,
                                             "192.0.2.200"_ip,
                                             kUnderlay,
                                             "10.244.1.11"_ip};
      flow.source = chance.Of(kSources);
    }
    static constexpr uint8_t kTimes[] = {64, 64, 64, 64, 2, 1};
    request.time_to_live = chance.Of(kTimes);
    static constexpr uint32_t kSizes[] = {0, 0, 0, 560, 700, 1400, 1900};
    request.frame_bytes = chance.Of(kSizes);
    request.dont_fragment = chance.OneIn(2);
    return request;
  }

  // By any of its addresses.
  void CallService(Chance& chance, FlowKey* flow) const {
    const ServiceConfig& service = chance.Of(config_.services);
    const ServicePortConfig& port = service.ports.front();
    flow->destination = service.address;
    flow->destination_port = Be16(port.port);
    flow->protocol = port.protocol;
    if (port.node_port != 0 && chance.OneIn(4)) {
      flow->destination = chance.OneIn(2) ? kHostAddress : kUnderlay;
      flow->destination_port = Be16(port.node_port);
    } else if (!service.external_addresses.empty() && chance.OneIn(2)) {
      flow->destination = service.external_addresses.front();
    }
  }

  static Ipv4Address MakeUpDestination(Chance& chance) {
    const auto any = static_cast<uint8_t>(chance.Below(10));
    const Ipv4Address kDestinations[] = {Ipv4Address(10, 244, 1, 10 + any),
                                         Ipv4Address(10, 244, 1, 10 + any),
                                         Ipv4Address(10, 244, 1, 110 + any),
                                         Ipv4Address(10, 96, 0, 10 + any),
                                         Ipv4Address(10, 96, 0, 10 + any),
                                         Ipv4Address(10, 96, 0, 10 + any),
                                         Ipv4Address(198, 51, 100, any),
                                         "10.244.1.1"_ip,   // reserved
                                         "10.244.1.99"_ip,  // by a route of its own on node-b
                                         kGateway,
                                         kHostAddress,
                                         kUnderlay,
                                         kOnB,
                                         kOnC,
                                         "10.244.4.10"_ip,
                                         "10.244.5.10"_ip,
                                         kNodeC,
                                         kNodeD,
                                         kStranger,
                                         kOutside,
                                         "224.0.0.5"_ip,
                                         Ipv4Address(255, 255, 255, 255)};
    return chance.Of(kDestinations);
  }

  // --- What is said. ---
  Fate FateOf(const std::vector<TraceRecord>& records) const {
    Fate fate;
    for (const TraceRecord& record : records) {
      const TraceStep& end = record.steps[record.step_count - 1];
      fate.made += record.cause != 0;
      fate.consumed += end.verdict == TraceVerdict::kConsumed;
      if (end.verdict == TraceVerdict::kDropped) fate.dropped.emplace_back(Name(end.reason));
      if (end.verdict == TraceVerdict::kSent) {
        fate.sent.push_back(Leaving(tables_->ports.Get(end.port)->settings().name,
                                    end.destination_mac, end.source_mac, end.time_to_live,
                                    end.flow));
      }
    }
    std::sort(fate.sent.begin(), fate.sent.end());
    std::sort(fate.dropped.begin(), fate.dropped.end());
    return fate;
  }

  // --- What is seen. ---
  Fate FateOf(PortId port, const Packet& frame) {
    const Fate before = Counted();
    const std::vector<uint64_t> drops_before = DropCounts();
    MemoryPortOf(port).Inject(ToMbuf(frame, {.strip_vlan = true}));
    Forward();
    Fate fate;
    fate.consumed = Counted().consumed - before.consumed;
    fate.made = Counted().made - before.made;
    const std::vector<uint64_t> drops_after = DropCounts();
    for (size_t i = 0; i < kDropReasons; ++i) {
      for (uint64_t n = drops_before[i]; n < drops_after[i]; ++n) {
        fate.dropped.emplace_back(Name(static_cast<DropReason>(i)));
      }
    }
    for (const PortId id : tables_->ports.Ids()) {
      for (const Packet& packet : MemoryPortOf(id).TakeTransmitted()) {
        fate.sent.push_back(Describe(tables_->ports.Get(id)->settings().name, packet));
      }
    }
    std::sort(fate.sent.begin(), fate.sent.end());
    std::sort(fate.dropped.begin(), fate.dropped.end());
    return fate;
  }
  static std::string Describe(const std::string& port, const Packet& packet) {
    Bytes bytes = packet.bytes();
    EthernetHeader ethernet;
    std::memcpy(&ethernet, bytes.data(), sizeof(ethernet));
    if (ethernet.ether_type.host() == kEtherTypeVlan) {
      EXPECT_EQ(port, "trunk");
      bytes.erase(bytes.begin() + 12, bytes.begin() + 16);
      std::memcpy(&ethernet, bytes.data(), sizeof(ethernet));
    }
    FlowKey flow{};
    Ipv4Header ip{};
    if (ethernet.ether_type.host() == kEtherTypeIpv4) {
      std::memcpy(&ip, bytes.data() + sizeof(ethernet), sizeof(ip));
      EXPECT_TRUE(Ipv4ChecksumIsRight(&ip));
      flow.source = ip.source;
      flow.destination = ip.destination;
      flow.protocol = ip.protocol;
      if (ip.protocol != kIpProtocolIcmp && (ip.fragment.host() & kIpv4OffsetMask) == 0) {
        std::memcpy(&flow.source_port, bytes.data() + sizeof(ethernet) + sizeof(ip), 4);
      }
    }
    return Leaving(port, ethernet.destination, ethernet.source, ip.time_to_live, flow);
  }
  Fate Counted() const {
    Fate fate;
    fate.consumed = counters().consumed.value();
    fate.made = counters().originated.value();
    return fate;
  }
  std::vector<uint64_t> DropCounts() const {
    std::vector<uint64_t> counts;
    for (const Counter& counter : counters().drops) counts.push_back(counter.value());
    return counts;
  }

  // All that anybody could see of the node.
  std::vector<uint64_t> Everything() {
    const WorkerCounters& all = counters();
    std::vector<uint64_t> seen = DropCounts();
    for (const PortCounters& port : all.ports) {
      seen.insert(seen.end(), {port.received_frames.value(), port.received_bytes.value(),
                               port.transmitted_frames.value(), port.transmitted_bytes.value()});
    }
    for (const Counter& counter : all.port_drops) seen.push_back(counter.value());
    for (const auto& port : all.last_drop_port) seen.push_back(port.load());
    for (const Counter* counter :
         {&all.originated, &all.consumed, &all.arp_answers, &all.icmp_errors, &all.tcp_resets,
          &all.translated, &all.events_lost, &all.rounds, &all.bursts}) {
      seen.push_back(counter->value());
    }
    const ConnectionTable& connections = tables_->connections;
    const ConnectionTable::Statistics statistics = connections.statistics();
    seen.insert(seen.end(), {statistics.added, statistics.removed, statistics.expired,
                             statistics.displaced, statistics.in_use});
    connections.ForEach(0, connections.capacity(), [&](const Connection& connection) {
      seen.insert(seen.end(), {static_cast<uint64_t>(connection.state.load()),
                               connection.fins.load(), connection.last_used.load()});
      return true;
    });
    seen.insert(seen.end(), {tables_->rcu.pending(), BuffersInUse()});
    for (const PortId id : tables_->ports.Ids()) {
      seen.push_back(MemoryPortOf(id).TakeTransmitted().size());
    }
    Event event;
    while (events_.Take(&event)) seen.push_back(1);
    return seen;
  }

  // --- Both. ---
  void Compare(const ExplainRequest& request) {
    Explainer explainer(&*node_, &*tables_, TestPool());
    const std::vector<uint64_t> before = Everything();
    const absl::StatusOr<Explanation> explanation = explainer.Explain(request);
    EXPECT_TRUE(Everything() == before) << "explaining has changed something";
    if (!explanation.ok()) return CheckRefusal(request, explanation.status());
    ++explained_;
    const PortId port = explanation->frames.front().port;
    if (!explanation->arp.empty()) {
      const Packet frame = AsSent(port, explanation->arp.front());
      EXPECT_EQ(FateOf(explanation->arp), FateOf(port, frame)) << "ARP";
      Settle();
    }
    const Packet frame = Honest(request, *explanation);
    const TraceRecord& record = explanation->frames.front();
    const Bytes begin(record.headers, record.headers + record.header_bytes);
    EXPECT_EQ(Packet(begin), frame.Truncate(begin.size())) << "not the frame that was asked for";
    EXPECT_EQ(record.frame_bytes, frame.size());
    EXPECT_EQ(FateOf(explanation->frames), FateOf(port, Tagged(port, frame)));
    for (const TraceRecord& told : explanation->frames) {
      const TraceStep& end = told.steps[told.step_count - 1];
      verdicts_.insert(end.verdict == TraceVerdict::kDropped ? std::string(Name(end.reason))
                                                             : std::string(Name(end.verdict)));
    }
    Settle();
  }

  void CheckRefusal(const ExplainRequest& request, const absl::Status& status) {
    const auto pod = node_->pods().find(request.from);
    const bool is_closed = pod != node_->pods().end() && pod->second.port == kNoPort;
    const bool is_no_host = request.from == "host" && !config_.host_port.has_value();
    EXPECT_TRUE(is_closed || is_no_host) << status;
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
  }

  // The frame as a sender makes it who isn't podwarp.
  Packet Honest(const ExplainRequest& request, const Explanation& explanation) const {
    const TraceRecord& record = explanation.frames.front();
    const PortSettings& port = tables_->ports.Get(record.port)->settings();
    EthernetHeader ethernet;
    std::memcpy(&ethernet, record.headers, sizeof(ethernet));
    if (const Pod* pod = tables_->pods.Get(record.port)) {
      EXPECT_EQ(ethernet.source, pod->mac);
    }
    const FlowKey& flow = explanation.flow;
    const uint16_t from = flow.source_port.host(), to = flow.destination_port.host();
    Ipv4 ip(flow.source, flow.destination);
    ip.Ttl(request.time_to_live).Id(1);
    if (request.dont_fragment) ip.DontFragment();
    const Packet outer = Ethernet(port.router_mac, ethernet.source) / ip;
    const auto with = [&](size_t header, const auto& transport) {
      const size_t rest = request.frame_bytes == 0 ? 0 : request.frame_bytes - 20 - header;
      return outer / transport / Raw(Bytes(rest));
    };
    switch (flow.protocol) {
      case kIpProtocolTcp:
        return with(20, Tcp(from, to, Tcp::kSyn));
      case kIpProtocolUdp:
        return with(8, Udp(from, to));
      case kIpProtocolSctp: {
        static const Bytes kInit = {1,    0,    0, 20, 0, 0, 0, 1, 0, 0,
                                    0xff, 0xff, 0, 1,  0, 1, 0, 0, 0, 1};
        Bytes chunk = kInit;
        if (request.frame_bytes != 0) chunk.resize(request.frame_bytes - 20 - 12);
        return outer / Sctp(from, to) / Raw(chunk);
      }
      default:
        return with(8, Icmp::Echo(1, 1));
    }
  }
  Packet AsSent(PortId port, const TraceRecord& record) const {
    return Tagged(port, Packet(Bytes(record.headers, record.headers + record.header_bytes)));
  }
  Packet Tagged(PortId port, const Packet& frame) const {
    const uint16_t vlan = tables_->ports.Get(port)->settings().vlan_id;
    if (vlan == 0) return frame;
    Bytes bytes = frame.bytes();
    const uint8_t tag[] = {0x81, 0x00, static_cast<uint8_t>(vlan >> 8), static_cast<uint8_t>(vlan)};
    bytes.insert(bytes.begin() + 12, std::begin(tag), std::end(tag));
    return Packet(bytes);
  }

  MemoryPort& MemoryPortOf(PortId id) { return static_cast<MemoryPort&>(*tables_->ports.Get(id)); }
  // What was told is heard, and what that leads to is sent and forgotten.
  void Settle() {
    Step(absl::ZeroDuration());
    for (const PortId id : tables_->ports.Ids()) MemoryPortOf(id).TakeTransmitted();
    tables_->rcu.Synchronize();
  }

  static constexpr Ipv4Address kNodeD = Ipv4Address(192, 0, 2, 4);
  const MacAddress kNodeDMac = "02:00:00:00:00:0d"_mac;
  int explained_ = 0;
  std::set<std::string> verdicts_;  // and drop reasons that there were
};

class MadeUpNode : public ExplainTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(MadeUpNode, WhatIsExplainedHappens) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  Chance chance(GetParam());
  MakeUp(chance);
  StartMadeUp(chance);
  for (int i = 0; i < kPairs && !HasFailure(); ++i) {
    const ExplainRequest request = MakeUpRequest(chance);
    SCOPED_TRACE(absl::StrCat(
        "pair ", i, ": ", request.from, " ", request.flow.source.ToString(), ":",
        request.flow.source_port.host(), " > ", request.flow.destination.ToString(), ":",
        request.flow.destination_port.host(), " protocol ", request.flow.protocol, " ttl ",
        request.time_to_live, " bytes ", request.frame_bytes, request.dont_fragment ? " df" : ""));
    Compare(request);
  }
  // Else the test would see little.
  EXPECT_GT(tables_->connections.statistics().added, 3u);
  EXPECT_GE(explained_, kPairs / 2);
  EXPECT_GE(verdicts_.size(), 8u) << testing::PrintToString(verdicts_);
  EXPECT_TRUE(verdicts_.contains("sent"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, MadeUpNode, testing::Range(uint64_t{1}, kSeeds + 1));

}  // namespace
}  // namespace podwarp::test
