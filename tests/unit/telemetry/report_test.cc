#include "telemetry/report.h"

#include <gmock/gmock.h>

#include "support/eal.h"
#include "support/packet.h"
#include "telemetry/test_node.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;

const MacAddress kGatewayMac = "02:00:00:00:00:01"_mac;
const MacAddress kBroadcast = MacAddress::Broadcast();

MacAddress MacOfPod(const std::string& name) { return MacAddress::DeriveFrom(name); }

const Node::PodRecord& PodNamed(const Node& node, const std::string& name) {
  return node.pods().at(name);
}

Packet ArpRequest(const PodConfig& pod, Ipv4Address target) {
  return Ethernet(kBroadcast, pod.mac) / Arp::Request(pod.mac, pod.addresses.front(), target);
}

TEST(Report, PortsSumWhatWorkersCounted) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const PodConfig& a1 = PodNamed(*node, "default/a1").config;
  node.port("default/a1").SetStatistics({.receive_missed = 7, .transmit_errors = 9});
  node.port("default/a1").SetState({.up = true, .why_down = "", .speed_mbps = 10'000});
  const Packet asked = ArpRequest(a1, "10.244.1.11"_ip).PadTo(60);
  node.port("default/a1").Inject(asked);
  node.port("default/a1").Inject(asked.Truncate(20));  // no ARP header
  node.ForwardAll(2);

  std::vector<std::string> names;
  for (const PortId id : ListPorts(*node)) {
    const PortReport port = ReportPort(*node, id);
    names.push_back(port.settings.name);
    EXPECT_EQ(port.driver, "memory");
    const bool is_a1 = port.settings.name == "default/a1";
    EXPECT_EQ(port.traffic.received_frames, is_a1 ? 2u : 0u);
    EXPECT_EQ(port.traffic.received_bytes, is_a1 ? 80u : 0u);
    EXPECT_EQ(port.traffic.transmitted_frames, is_a1 ? 1u : 0u);
    EXPECT_EQ(port.traffic.transmitted_bytes, is_a1 ? 60u : 0u);
    EXPECT_EQ(port.traffic.dropped_frames, is_a1 ? 1u : 0u);
    EXPECT_EQ(port.device.receive_missed, is_a1 ? 7u : 0u);
    EXPECT_EQ(port.device.transmit_errors, is_a1 ? 9u : 0u);
    EXPECT_EQ(port.state.speed_mbps, is_a1 ? 10'000u : 0u);
  }
  EXPECT_THAT(names, ElementsAre("uplink0", "podwarp0", "default/a1", "default/a2"));

  const PodReport pod = ReportPod(*node, PodNamed(*node, "default/a1"));
  EXPECT_EQ(pod.traffic.received_frames, 2u);
  EXPECT_EQ(pod.driver, "memory");
  EXPECT_TRUE(pod.up);

  const WorkerReport worker = ReportWorker(*node, 0);
  EXPECT_EQ(worker.lcore, 1);
  EXPECT_EQ(worker.queues, 4u);
  EXPECT_EQ(worker.traffic.received_frames, 2u);
  EXPECT_EQ(worker.arp_answers, 1u);
  EXPECT_GT(worker.rounds, 0u);
  EXPECT_GT(worker.cycles_busy, 0u);
  EXPECT_GE(worker.cycles_total, worker.cycles_busy);
  EXPECT_GT(worker.busy_percent, 0);
  EXPECT_LE(worker.busy_percent, 100);
  EXPECT_GT(worker.cycles_per_frame, 0);
}

TEST(Report, AWorkerThatNeverRanIsIdle) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const WorkerReport worker = ReportWorker(*node, 0);
  EXPECT_EQ(worker.busy_percent, 0);
  EXPECT_EQ(worker.cycles_per_frame, 0);
}

TEST(Report, PodsSayWhyTheyAreDown) {
  TestNode node(NodeYaml(kTwoPods), TestPool(),
                {{"default/a2", absl::NotFoundError("default/a2: no such namespace")}});
  node.port("default/a1").SetState({.up = false, .why_down = "its cable is cut"});
  const PodReport no_link = ReportPod(*node, PodNamed(*node, "default/a1"));
  EXPECT_FALSE(no_link.up);
  EXPECT_EQ(no_link.why_down, "its cable is cut");
  const PodReport no_port = ReportPod(*node, PodNamed(*node, "default/a2"));
  EXPECT_FALSE(no_port.up);
  EXPECT_EQ(no_port.driver, "");
  EXPECT_EQ(no_port.why_down, "default/a2: no such namespace");
}

TEST(Report, NodesHaveAMacOrSayWhyNot) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const RemoteNodeReport b = ReportRemoteNode(*node, node->config().nodes[0]);
  EXPECT_EQ(b.mac, "02:00:00:00:00:0b"_mac);
  EXPECT_EQ(b.neighbor_state, "configured");
  EXPECT_EQ(b.why_no_mac, "");
  const RemoteNodeReport c = ReportRemoteNode(*node, node->config().nodes[1]);
  EXPECT_EQ(c.mac, std::nullopt);
  EXPECT_EQ(c.neighbor_state, "asked");
  EXPECT_EQ(c.why_no_mac, "nobody has answered ARP for 192.168.50.3 on uplink0");

  // It does answer.
  const MacAddress mac_c = "02:00:00:00:00:0c"_mac;
  const MacAddress mac_a = node->config().virtual_mac;
  node.port("uplink0").Inject(Ethernet(mac_a, mac_c) /
                              Arp::Reply(mac_c, "192.168.50.3"_ip, mac_a, "192.168.50.1"_ip));
  node.ForwardAll(1);
  node->Tick(absl::Now());
  const RemoteNodeReport found = ReportRemoteNode(*node, node->config().nodes[1]);
  EXPECT_EQ(found.mac, mac_c);
  EXPECT_EQ(found.neighbor_state, "resolved");
  EXPECT_EQ(found.why_no_mac, "");
  EXPECT_EQ(ReportAddress(*node, "10.244.3.7"_ip).next_hop_mac, mac_c);
}

TEST(Report, AddressesHaveAnOwnerAndANextHop) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const AddressReport pod = ReportAddress(*node, "10.244.1.10"_ip);
  EXPECT_EQ(pod.owner, "pod default/a1");
  EXPECT_EQ(pod.kind, NextHopKind::kPod);
  EXPECT_EQ(pod.answered_with, kGatewayMac);
  EXPECT_EQ(pod.next_hop_mac, MacOfPod("default/a1"));
  EXPECT_EQ(pod.next_hop_port, "default/a1");

  const AddressReport remote = ReportAddress(*node, "10.244.2.99"_ip);
  EXPECT_EQ(remote.owner, "node node-b");
  EXPECT_EQ(remote.next_hop_mac, "02:00:00:00:00:0b"_mac);
  EXPECT_EQ(remote.next_hop_port, "uplink0");

  const AddressReport gateway = ReportAddress(*node, "10.244.1.1"_ip);
  EXPECT_EQ(gateway.owner, "gateway");
  EXPECT_EQ(gateway.next_hop_mac, std::nullopt);
  EXPECT_EQ(gateway.next_hop_port, "");

  const AddressReport outside = ReportAddress(*node, "8.8.8.8"_ip);
  EXPECT_EQ(outside.owner, "");
  EXPECT_EQ(outside.answered_with, std::nullopt);
}

TEST(Report, PrefixesComeInOrder) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  std::vector<std::string> prefixes;
  OwnedPrefixes page;
  do {
    page = ListPrefixes(*node, prefixes.size(), 2);
    EXPECT_EQ(page.total, 11u);
    EXPECT_LE(page.listed.size(), 2u);
    for (const OwnedPrefix& owned : page.listed) {
      const AddressReport report = ReportPrefix(*node, owned);
      prefixes.push_back(absl::StrCat(report.prefix.ToString(), " ", report.owner));
    }
  } while (!page.listed.empty());
  EXPECT_THAT(
      prefixes,
      ElementsAre("10.244.0.0/16 ranges", "10.244.1.1/32 gateway", "10.244.1.10/32 pod default/a1",
                  "10.244.1.11/32 pod default/a2", "10.244.1.254/32 host",
                  "10.244.1.255/32 reserved", "10.244.2.0/24 node node-b",
                  "10.244.3.0/24 node node-c", "192.168.50.0/24 segment of uplink0",
                  "192.168.50.1/32 host", "192.168.50.3/32 node node-c"));
}

// What the report says about ARP is what workers do.
TEST(Report, ArpIsAnsweredAsReported) {
  for (const char* mode : {"promiscuous-arp", "none"}) {
    TestNode node(NodeYaml(kTwoPods, mode), TestPool());
    const PodConfig& a1 = PodNamed(*node, "default/a1").config;
    uint64_t asked = 0;
    const std::vector<Ipv4Address> targets = {
        "10.244.1.11"_ip,  "10.244.1.1"_ip, "10.244.1.254"_ip, "10.244.1.255"_ip,
        "10.244.1.77"_ip,  "10.244.2.5"_ip, "10.244.3.5"_ip,   "192.168.50.1"_ip,
        "192.168.50.3"_ip, "8.8.8.8"_ip,    "192.168.50.9"_ip};
    std::vector<Packet> expected;
    for (const Ipv4Address target : targets) {
      node.port("default/a1").Inject(ArpRequest(a1, target));
      ++asked;
      const auto mac = ReportAddress(*node, target).answered_with;
      if (!mac.has_value()) continue;
      expected.push_back(
          (Ethernet(a1.mac, *mac) / Arp::Reply(*mac, target, a1.mac, a1.addresses.front()))
              .PadTo(60));
    }
    node.ForwardAll(asked);
    EXPECT_THAT(node.port("default/a1").TakeTransmitted(), testing::ElementsAreArray(expected))
        << mode;
  }
}

}  // namespace
}  // namespace podwarp::test
