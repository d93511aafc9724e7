#include "pipeline/test_node.h"

#include <glog/logging.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "support/describe.h"
#include "support/eal.h"

namespace podwarp::test {
namespace {

// What each side of the equation counts, over all ports.
struct Accounts {
  uint64_t received = 0, transmitted = 0, originated = 0, consumed = 0;
  std::array<uint64_t, kDropReasons> drops;

  uint64_t dropped() const { return std::accumulate(drops.begin(), drops.end(), uint64_t{0}); }
};

Accounts AccountsOf(const WorkerCounters& counters) {
  Accounts accounts;
  for (const PortCounters& port : counters.ports) {
    accounts.received += port.received_frames.value();
    accounts.transmitted += port.transmitted_frames.value();
  }
  for (size_t i = 0; i < kDropReasons; ++i) accounts.drops[i] = counters.drops[i].value();
  accounts.originated = counters.originated.value();
  accounts.consumed = counters.consumed.value();
  return accounts;
}

const char* ToString(EventKind kind) {
  switch (kind) {
    case EventKind::kNeighborAnswered:
      return "neighbor answered";
    case EventKind::kNeighborWanted:
      return "neighbor wanted";
    case EventKind::kAddressAlive:
      return "address alive";
    case EventKind::kAddressConflict:
      return "address conflict";
    case EventKind::kPodArrived:
      return "pod arrived";
  }
  return "unknown";
}

std::vector<std::string> Texts(const std::vector<Event>& events) {
  std::vector<std::string> texts;
  for (const Event& event : events) {
    texts.push_back(absl::StrCat(ToString(event.kind), " ", event.address.ToString(), " ",
                                 event.mac.ToString(), " port ", event.port));
  }
  return texts;
}

std::vector<std::string> Texts(const std::vector<DropReason>& reasons) {
  std::vector<std::string> texts;
  for (const DropReason reason : reasons) texts.emplace_back(Name(reason));
  return texts;
}

void Compare(const TestNode& node, const Result& actual, const Outcome& expected) {
  EXPECT_EQ(Texts(actual.dropped), Texts(expected.dropped));
  EXPECT_EQ(actual.consumed, expected.consumed);
  EXPECT_EQ(Texts(actual.told), Texts(expected.told));
  for (size_t i = 0; i < actual.sent.size() || i < expected.sent.size(); ++i) {
    if (i >= expected.sent.size()) {
      ADD_FAILURE() << "sent by port " << actual.sent[i].first << ", but nobody expected it:\n"
                    << Describe(actual.sent[i].second.packet);
    } else if (i >= actual.sent.size()) {
      ADD_FAILURE() << "not sent by port " << expected.sent[i].first << ":\n"
                    << Describe(expected.sent[i].second);
    } else {
      const auto name = [&](PortId id) { return node.tables.ports.Get(id)->settings().name; };
      EXPECT_EQ(name(actual.sent[i].first), name(expected.sent[i].first));
      EXPECT_THAT(actual.sent[i].second.packet, EqualsFrame(expected.sent[i].second));
    }
  }
}

}  // namespace

Outcome Outcome::AndSends(PortId port, Packet packet) && {
  sent.emplace_back(port, std::move(packet));
  return std::move(*this);
}

Outcome Outcome::AndTells(EventKind kind, PortId port, Ipv4Address address, MacAddress mac) && {
  told.push_back({.kind = kind, .port = port, .address = address, .mac = mac});
  return std::move(*this);
}

Outcome Sends(PortId port, Packet packet) { return Outcome().AndSends(port, std::move(packet)); }
Outcome Drops(DropReason reason) { return {.dropped = {reason}}; }
Outcome Consumes() { return {.consumed = 1}; }

TestNode::TestNode(uint32_t connections)
    : tables(/*workers=*/1, /*adjacency_capacity=*/256, connections),
      context{.worker = 0,
              .tables = tables,
              .counters = counters,
              .events = events,
              .pool = TestPool(),
              .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()}} {
  OpenPorts();
  PublishOwners();
  if (getenv("PODWARP_OBSERVED") == nullptr) return;
  trace_ = std::make_shared<TraceSession>(TraceFilter(), 1, std::nullopt);
  capture_ = std::make_shared<CaptureSession>(CaptureFilter(), 1);
  tables.SetObservers({.traces = {trace_}, .captures = {capture_}});
}

void TestNode::OpenPorts() {
  const auto pod = [](const char* name) {
    return PortSettings{.name = name, .role = PortRole::kPod, .router_mac = kGatewayMac};
  };
  CHECK_EQ(AddPort(pod("pod_a"), {}, Pod{.name = "pod_a", .mac = kMacA, .addresses = {kIpA}}),
           kPodA);
  CHECK_EQ(AddPort(pod("pod_b"), {},
                   Pod{.name = "pod_b",
                       .mac = kMacB,
                       .addresses = {kIpB, kSecondIpB},
                       .allowed_prefixes = {"10.244.1.200/29"_prefix}}),
           kPodB);
  CHECK_EQ(AddPort(pod("vacant")), kVacant);
  CHECK_EQ(AddPort({.name = "host", .role = PortRole::kHost, .router_mac = kGatewayMac}, {},
                   Pod{.name = "host",
                       .mac = kHostMac,
                       .addresses = {kHostIp, kUnderlayIp, kTrunkUnderlayIp},
                       .is_host = true}),
           kHost);
  CHECK_EQ(AddPort({.name = "uplink",
                    .role = PortRole::kUplink,
                    .router_mac = kVirtualMac,
                    .underlay_address = kUnderlayIp}),
           kUplink);
  CHECK_EQ(AddPort({.name = "trunk",
                    .role = PortRole::kUplink,
                    .router_mac = kVirtualMac,
                    .vlan_id = kTrunkVlan,
                    .underlay_address = kTrunkUnderlayIp,
                    .announce_pods = true}),
           kTrunk);
}

void TestNode::PublishOwners() {
  const auto via = [this](PortId uplink, NextHopKind kind, MacAddress mac) {
    const PortSettings& wire = port(uplink).settings();
    return Adjacency{.destination = mac,
                     .source = wire.router_mac,
                     .port = uplink,
                     .mtu_bytes = wire.mtu_bytes,
                     .vlan_id = wire.vlan_id,
                     .kind = kind};
  };
  const auto behind = [](PortId id, NextHopKind kind, MacAddress mac) {
    return Adjacency{
        .destination = mac, .source = kGatewayMac, .port = id, .mtu_bytes = 1500, .kind = kind};
  };
  AddRoute("10.244.0.0/16"_prefix, {.kind = NextHopKind::kUnowned});
  AddRoute("10.96.0.0/16"_prefix, {.kind = NextHopKind::kUnowned});
  AddRoute(Ipv4Prefix::Host(kReservedIp), {.kind = NextHopKind::kReserved});
  AddRoute(Ipv4Prefix::Host(kGatewayIp), {.kind = NextHopKind::kLocal});
  AddRoute("192.168.50.0/24"_prefix, {.port = kUplink, .kind = NextHopKind::kOnLink});
  AddRoute("192.168.60.0/24"_prefix, {.port = kTrunk, .kind = NextHopKind::kOnLink});

  AddRoute(Ipv4Prefix::Host(kIpA), behind(kPodA, NextHopKind::kPod, kMacA));
  for (const Ipv4Address own : {kIpB, kSecondIpB}) {
    AddRoute(Ipv4Prefix::Host(own), behind(kPodB, NextHopKind::kPod, kMacB));
  }
  const Adjacency host = behind(kHost, NextHopKind::kHost, kHostMac);
  for (const Ipv4Address own : {kHostIp, kUnderlayIp, kTrunkUnderlayIp}) {
    AddRoute(Ipv4Prefix::Host(own), host);
  }

  const Adjacency node_b = via(kUplink, NextHopKind::kNode, kNodeBMac);
  AddRoute(Ipv4Prefix::Host(kNodeBIp), node_b);
  AddRoute("10.244.2.0/24"_prefix, node_b);
  const Adjacency node_c = via(kTrunk, NextHopKind::kNode, kNodeCMac);
  AddRoute(Ipv4Prefix::Host(kNodeCIp), node_c);
  AddRoute("10.244.3.0/24"_prefix, node_c);
  const Adjacency node_d = {.port = kUplink, .kind = NextHopKind::kUnresolved};
  AddRoute(Ipv4Prefix::Host(kNodeDIp), node_d);
  AddRoute("10.244.4.0/24"_prefix, node_d);
  AddRoute(Ipv4Prefix::Host(kHost77Ip), via(kUplink, NextHopKind::kNeighbor, kHost77Mac));
  const AdjacencyIndex router =
      AddRoute(Ipv4Prefix::Host(kRouterIp), via(kUplink, NextHopKind::kNeighbor, kRouterMac));

  Publish({.virtual_mac = kVirtualMac,
           .gateway_mac = kGatewayMac,
           .gateway_address = kGatewayIp,
           .promiscuous_arp = false,
           .external_from_pod = tables.routes.Find(Ipv4Prefix::Host(kHostIp)),
           .external_from_host = router});
}

PortId TestNode::AddPort(PortSettings port_settings, PortCapabilities capabilities,
                         std::optional<Pod> pod) {
  const absl::StatusOr<PortId> id =
      tables.ports.Add(std::make_unique<MemoryPort>(std::move(port_settings), capabilities));
  CHECK(id.ok()) << id.status().ToString();
  if (pod.has_value()) tables.pods.Set(*id, *std::move(pod));
  return *id;
}

PortId TestNode::AddPod(const std::string& name, MacAddress mac, Ipv4Address address,
                        PortCapabilities capabilities, uint16_t mtu_bytes) {
  const PortId id = AddPort({.name = name, .role = PortRole::kPod, .router_mac = kGatewayMac},
                            capabilities, Pod{.name = name, .mac = mac, .addresses = {address}});
  AddRoute(Ipv4Prefix::Host(address), {.destination = mac,
                                       .source = kGatewayMac,
                                       .port = id,
                                       .mtu_bytes = mtu_bytes,
                                       .kind = NextHopKind::kPod});
  return id;
}

AdjacencyIndex TestNode::AddRoute(const Ipv4Prefix& prefix, const Adjacency& adjacency) {
  const absl::StatusOr<AdjacencyIndex> index = tables.adjacencies.Add(adjacency);
  CHECK(index.ok()) << index.status().ToString();
  CHECK(tables.routes.Set(prefix, *index).ok()) << prefix.ToString();
  return *index;
}

void TestNode::RemoveRoute(const Ipv4Prefix& prefix) {
  CHECK(tables.routes.Remove(prefix).ok()) << prefix.ToString();
}

void TestNode::SetPromiscuousArp(bool promiscuous) {
  NodeSettings changed = settings;
  changed.promiscuous_arp = promiscuous;
  Publish(changed);
}

Result TestNode::Run(PortId id, const std::vector<Input>& frames) {
  const Result result = Round([&] {
    for (const Input& input : frames) {
      rte_mbuf* frame = ToMbuf(input.packet, input.options);
      frame->ol_flags |= input.flags;
      port(id).Inject(frame);
    }
    while (pipeline.Process(id, 0) > 0) continue;
  });
  if (trace_ != nullptr) CheckObserved(result, frames.size());
  return result;
}

Result TestNode::Send(PortId id, const Packet& frame) {
  return Round([&] { pipeline.Send(id, ToMbuf(frame)); });
}

Result TestNode::Round(const std::function<void()>& work) {
  context.observation.BeginRound(tables.observers());
  const unsigned buffers_before = BuffersInUse();
  const Accounts before = AccountsOf(counters);
  work();
  pipeline.Flush();
  const Accounts after = AccountsOf(counters);
  EXPECT_EQ(after.received + after.originated, after.transmitted + after.consumed + after.dropped())
      << "received + originated = transmitted + consumed + dropped";
  EXPECT_EQ(BuffersInUse(), buffers_before) << "buffers lost, or freed twice";

  Result result;
  for (const PortId id : tables.ports.Ids()) {
    for (TransmittedFrame& frame : port(id).TakeTransmittedFrames()) {
      result.sent.emplace_back(id, std::move(frame));
    }
  }
  EXPECT_EQ(after.transmitted - before.transmitted, result.sent.size());
  for (size_t reason = 0; reason < kDropReasons; ++reason) {
    const uint64_t count = after.drops[reason] - before.drops[reason];
    result.dropped.insert(result.dropped.end(), count, static_cast<DropReason>(reason));
    if (count > 0) SeenDropReasons().set(reason);
  }
  result.consumed = after.consumed - before.consumed;
  result.originated = after.originated - before.originated;
  for (Event event; events.Take(&event);) result.told.push_back(event);
  return result;
}

void TestNode::CheckObserved(const Result& result, size_t received) {
  // More can't be followed at once, nor more of the pieces of one frame.
  constexpr size_t kReceived = 24, kMade = 8;
  std::vector<DropReason> dropped;
  size_t sent = 0, consumed = 0;
  for (TraceRecord record; trace_->Take(&record);) {
    ASSERT_GE(record.step_count, 1);
    const TraceStep& first = record.steps[0];
    const TraceStep& last = record.steps[record.step_count - 1];
    EXPECT_EQ(first.stage == Stage::kReceive, record.cause == 0);
    EXPECT_EQ(record.port == kNoPort, record.cause != 0);
    for (uint8_t i = 0; i + 1 < record.step_count; ++i) {
      EXPECT_EQ(record.steps[i].verdict, TraceVerdict::kPassed);
    }
    EXPECT_NE(last.verdict, TraceVerdict::kPassed);
    if (last.verdict == TraceVerdict::kDropped) dropped.push_back(last.reason);
    sent += last.verdict == TraceVerdict::kSent;
    consumed += last.verdict == TraceVerdict::kConsumed;
  }
  if (received <= kReceived && result.originated <= kMade) {
    std::sort(dropped.begin(), dropped.end());
    EXPECT_EQ(Texts(dropped), Texts(result.dropped)) << "by traces";
    EXPECT_EQ(sent, result.sent.size()) << "by traces";
    EXPECT_EQ(consumed, result.consumed) << "by traces";
  }

  std::array<size_t, 3> captured{};
  dropped.clear();
  capture_->ForEach([&](const CaptureRecord& record, std::span<const std::byte> bytes) {
    ++captured[static_cast<size_t>(record.point)];
    EXPECT_EQ(bytes.size(), std::min(record.frame_bytes, CaptureFilter().snap_bytes));
    if (record.point == CapturePoint::kDropped) dropped.push_back(record.reason);
    return true;
  });
  std::sort(dropped.begin(), dropped.end());
  EXPECT_EQ(captured[static_cast<size_t>(CapturePoint::kReceived)], received);
  EXPECT_EQ(captured[static_cast<size_t>(CapturePoint::kTransmitted)], result.sent.size());
  EXPECT_EQ(Texts(dropped), Texts(result.dropped)) << "by captures";
}

void NodeTest::Check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(absl::StrCat(row.says, "; in by ", node.port(row.in).settings().name, ":\n",
                              Describe(row.frame.packet)));
    Compare(node, node.Run(row.in, {row.frame}), row.out);
  }
}

std::bitset<kDropReasons>& SeenDropReasons() {
  static std::bitset<kDropReasons> seen;
  return seen;
}

}  // namespace podwarp::test
