#include <gmock/gmock.h>

#include "support/eal.h"
#include "support/packet.h"
#include "telemetry/report.h"
#include "telemetry/test_node.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Node::PodRecord& PodNamed(const Node& node, const std::string& name) {
  return node.pods().at(name);
}

Packet FromPod(const PodConfig& pod, Ipv4Address source, Ipv4Address destination) {
  return Ethernet("02:00:00:00:00:01"_mac, pod.mac) / Ipv4(source, destination) / Udp(1, 2);
}

std::vector<std::pair<std::string, uint64_t>> Reasons(const TrafficReport& traffic) {
  std::vector<std::pair<std::string, uint64_t>> reasons;
  for (const auto& [reason, frames] : traffic.drops) reasons.emplace_back(Name(reason), frames);
  return reasons;
}

TEST(ReportDrops, PortsAndPodsHaveThemByReason) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const PodConfig& a1 = PodNamed(*node, "default/a1").config;
  const Packet spoofed = FromPod(a1, "10.244.9.9"_ip, "10.244.1.11"_ip);
  node.port("default/a1").Inject(spoofed);
  node.port("default/a1").Inject(spoofed);
  node.port("default/a1").Inject(FromPod(a1, "10.244.1.10"_ip, "10.244.1.77"_ip));
  node.ForwardAll(3);

  const TrafficReport pod = ReportPod(*node, PodNamed(*node, "default/a1")).traffic;
  EXPECT_EQ(pod.dropped_frames, 3u);
  EXPECT_THAT(Reasons(pod),
              ElementsAre(testing::Pair("spoofed_ip", 2), testing::Pair("unowned_address", 1)));
  const PortId port = PodNamed(*node, "default/a1").port;
  EXPECT_EQ(Reasons(ReportPort(*node, port).traffic), Reasons(pod));
  EXPECT_THAT(ReportPod(*node, PodNamed(*node, "default/a2")).traffic.drops, IsEmpty());
}

TEST(ReportDrops, EachReasonHasItsLastPortAndPod) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const PodConfig& a1 = PodNamed(*node, "default/a1").config;
  node.port("default/a1").Inject(FromPod(a1, "10.244.9.9"_ip, "10.244.1.11"_ip));
  node.ForwardAll(1);
  const DropReport drop = ReportDrop(*node, DropReason::kSpoofedIp);
  EXPECT_EQ(drop.frames, 1u);
  EXPECT_THAT(drop.last_ports, ElementsAre("default/a1"));
  EXPECT_THAT(drop.last_pods, ElementsAre("default/a1"));

  const DropReport none = ReportDrop(*node, DropReason::kNoRoute);
  EXPECT_EQ(none.frames, 0u);
  EXPECT_THAT(none.last_ports, IsEmpty());
  EXPECT_THAT(none.last_pods, IsEmpty());
}

TEST(ReportDrops, TheKernelIsCalledHostAndAnUplinkHasNobody) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  node.CountDrops("podwarp0", DropReason::kTtlExpired, 1);
  node.CountDrops("uplink0", DropReason::kNotForUs, 1);
  node.CountDrops(kNoPort, DropReason::kNoBuffer, 1);

  const DropReport host = ReportDrop(*node, DropReason::kTtlExpired);
  EXPECT_THAT(host.last_ports, ElementsAre("podwarp0"));
  EXPECT_THAT(host.last_pods, ElementsAre("host"));
  const DropReport uplink = ReportDrop(*node, DropReason::kNotForUs);
  EXPECT_THAT(uplink.last_ports, ElementsAre("uplink0"));
  EXPECT_THAT(uplink.last_pods, IsEmpty());
  const DropReport own = ReportDrop(*node, DropReason::kNoBuffer);
  EXPECT_THAT(own.last_ports, ElementsAre("no port"));
  EXPECT_THAT(own.last_pods, IsEmpty());
}

// A port's number is used again.
TEST(ReportDrops, ANewPodHasNothingOfTheOneBefore) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const PodConfig a1 = PodNamed(*node, "default/a1").config;
  const PortId port = PodNamed(*node, "default/a1").port;
  node.port("default/a1").Inject(FromPod(a1, "10.244.9.9"_ip, "10.244.1.11"_ip));
  node.port("default/a1").Inject(FromPod(a1, "10.244.1.10"_ip, "10.244.1.11"_ip));
  node.ForwardAll(2);

  PodConfig b1 = a1;
  b1.name = "b1";
  ASSERT_TRUE(node->Apply({.before = a1, .after = std::nullopt}, absl::Now()).ok());
  const DropReport gone = ReportDrop(*node, DropReason::kSpoofedIp);
  EXPECT_EQ(gone.frames, 1u);
  EXPECT_THAT(gone.last_ports, ElementsAre(absl::StrCat("port ", port, " (gone)")));
  EXPECT_THAT(gone.last_pods, IsEmpty());

  ASSERT_TRUE(node->Apply({.before = std::nullopt, .after = b1}, absl::Now()).ok());
  ASSERT_EQ(PodNamed(*node, "default/b1").port, port);
  const TrafficReport fresh = ReportPod(*node, PodNamed(*node, "default/b1")).traffic;
  EXPECT_EQ(fresh.received_frames, 0u);
  EXPECT_EQ(fresh.received_bytes, 0u);
  EXPECT_EQ(fresh.dropped_frames, 0u);
  EXPECT_THAT(fresh.drops, IsEmpty());
  const DropReport other = ReportDrop(*node, DropReason::kSpoofedIp);
  EXPECT_EQ(other.frames, 1u);
  EXPECT_THAT(other.last_ports, ElementsAre(absl::StrCat("port ", port, " (gone)")));
  EXPECT_THAT(other.last_pods, IsEmpty());

  node.CountDrops(port, DropReason::kSpoofedIp, 5);
  EXPECT_THAT(Reasons(ReportPod(*node, PodNamed(*node, "default/b1")).traffic),
              ElementsAre(testing::Pair("spoofed_ip", 5)));
  EXPECT_EQ(ReportDrop(*node, DropReason::kSpoofedIp).frames, 6u);
  EXPECT_THAT(ReportDrop(*node, DropReason::kSpoofedIp).last_pods, ElementsAre("default/b1"));
  // The worker's own numbers go on.
  EXPECT_EQ(ReportWorker(*node, 0).traffic.received_frames, 2u);
}

TEST(ReportDrops, ReasonsAreFoundByName) {
  ASSERT_TRUE(FindDropReason("ttl_expired").ok());
  EXPECT_EQ(*FindDropReason("ttl_expired"), DropReason::kTtlExpired);
  EXPECT_EQ(FindDropReason("TTL").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindDropReason("TTL").status().message(), "there is no drop reason 'TTL'");
}

}  // namespace
}  // namespace podwarp::test
