#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <time.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "support/eal.h"
#include "support/packet.h"
#include "telemetry/test_node.h"

namespace podwarp::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

constexpr char kServices[] = R"(
services:
  - name: web
    address: 10.96.0.80
    ports:
      - name: http
        port: 80
        backends:
          - {address: 10.244.1.10}
          - {address: 10.244.1.11}
          - {address: 10.244.2.10, state: terminating}
      - {name: dns, protocol: udp, port: 53}
service_ranges: [10.96.0.0/16]
)";

std::string WithServices() { return NodeYaml(kTwoPods) + kServices; }

KubernetesStatus Followed() {
  KubernetesStatus status;
  status.is_current = false;
  status.not_current_for = absl::Milliseconds(2500);
  KubernetesStatus::Resource services;
  services.name = "services";
  services.synced = true;
  services.connected = true;
  services.since_contact = absl::Seconds(4);
  services.objects = 7;
  KubernetesStatus::Resource nodes;
  nodes.name = "nodes";
  status.resources = {services, nodes};
  return status;
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// That this thread has had, whatever else the machine does.
double CpuMilliseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

// All that there is to say, each kind of it at least once.
std::vector<std::string> LinesOf(const Node& node, const MetricLimits& limits = {}) {
  NodeMetrics metrics(node, limits);
  while (metrics.Step()) {
  }
  metrics.Add(Followed());
  metrics.AddProcess(absl::FromUnixSeconds(1'700'000'000));
  return Lines(ToText(std::move(metrics).Take()));
}

// A frame that a1 may not send, and one that is answered.
void SendTwo(TestNode* node) {
  const PodConfig& a1 = (*node)->pods().at("default/a1").config;
  const Packet asked = Ethernet(MacAddress::Broadcast(), a1.mac) /
                       Arp::Request(a1.mac, a1.addresses.front(), "10.244.1.11"_ip);
  node->port("default/a1").Inject(asked.PadTo(60));
  node->port("default/a1").Inject(asked.Truncate(20));  // no ARP header
  node->ForwardAll(2);
}

TEST(Metrics, SayWhatReportsSay) {
  TestNode node(WithServices(), TestPool());
  node.port("default/a1").SetStatistics({.receive_missed = 7, .transmit_errors = 9});
  node.port("default/a2").SetState({.up = false, .why_down = "its cable is cut"});
  SendTwo(&node);
  const std::vector<std::string> lines = LinesOf(*node);
  EXPECT_THAT(
      lines,
      IsSupersetOf({
          R"(podwarp_port_up{port="default/a1",role="pod"} 1)",
          R"(podwarp_port_up{port="default/a2",role="pod"} 0)",
          R"(podwarp_port_up{port="uplink0",role="uplink"} 1)",
          R"(podwarp_port_received_frames_total{port="default/a1",role="pod"} 2)",
          R"(podwarp_port_received_bytes_total{port="default/a1",role="pod"} 80)",
          R"(podwarp_port_transmitted_frames_total{port="default/a1",role="pod"} 1)",
          R"(podwarp_port_dropped_frames_total{port="default/a1",role="pod"} 1)",
          R"(podwarp_port_device_lost_frames_total{port="default/a1",role="pod",cause="receive_missed"} 7)",
          R"(podwarp_port_device_lost_frames_total{port="default/a1",role="pod",cause="transmit_errors"} 9)",
          R"(podwarp_pod_up{namespace="default",pod="a2"} 0)",
          R"(podwarp_pod_received_frames_total{namespace="default",pod="a1"} 2)",
          R"(podwarp_pod_dropped_frames_total{namespace="default",pod="a1",reason="arp_malformed"} 1)",
          R"(podwarp_dropped_frames_total{reason="arp_malformed"} 1)",
          R"(podwarp_dropped_frames_total{reason="no_route"} 0)",
          R"(podwarp_drop_reason_info{reason="no_route",help="no route to the destination"} 1)",
          R"(podwarp_worker_received_frames_total{worker="1"} 2)",
          R"(podwarp_worker_arp_answers_total{worker="1"} 1)",
          R"(podwarp_service_backends{namespace="default",service="web",port="80",protocol="tcp",state="ready"} 2)",
          R"(podwarp_service_backends{namespace="default",service="web",port="80",protocol="tcp",state="terminating"} 1)",
          R"(podwarp_service_backends{namespace="default",service="web",port="53",protocol="udp",state="ready"} 0)",
          R"(podwarp_connections_in_use 0)",
          R"(podwarp_connections_capacity 1024)",
          R"(podwarp_table_entries{table="pods"} 2)",
          R"(podwarp_table_entries{table="ports"} 4)",
          R"(podwarp_table_capacity{table="adjacencies"} 1024)",
          R"(podwarp_kubernetes_synced 0)",
          R"(podwarp_kubernetes_current 0)",
          R"(podwarp_kubernetes_not_current_seconds 2.5)",
          R"(podwarp_kubernetes_objects{resource="services"} 7)",
          R"(podwarp_kubernetes_since_contact_seconds{resource="nodes"} +Inf)",
          R"(process_start_time_seconds 1700000000)",
          R"(podwarp_metrics_left_out{kind="pods"} 0)",
      }));
  EXPECT_THAT(
      lines, Contains(HasSubstr("podwarp_build_info{version=\"" PODWARP_VERSION "\",dpdk=\"DPDK")));
}

TEST(Metrics, WorkersTimeIsInSeconds) {
  TestNode node(WithServices(), TestPool());
  const auto start = absl::Now();
  SendTwo(&node);
  const double passed = absl::ToDoubleSeconds(absl::Now() - start);
  double sum = 0;
  for (const std::string& line : LinesOf(*node)) {
    if (line.rfind("podwarp_worker_seconds_total", 0) == 0) {
      sum += std::stod(line.substr(line.rfind(' ')));
    }
  }
  EXPECT_GT(sum, 0);
  EXPECT_LE(sum, passed);
}

TEST(Metrics, EachFamilyIsToldOfOnceWithItsHelp) {
  TestNode node(WithServices(), TestPool());
  SendTwo(&node);
  std::set<std::string> helps, series;
  for (const std::string& line : LinesOf(*node)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[1] == "HELP") {
      EXPECT_TRUE(helps.insert(words[2]).second) << line;
      EXPECT_GT(words.size(), 4u) << line;
    } else if (words[0] != "#") {
      EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
    }
  }
  EXPECT_GT(helps.size(), 40u);
}

TEST(Metrics, OfWhatHasNotHappenedThereIsNoPairOfPodAndReason) {
  TestNode node(WithServices(), TestPool());
  EXPECT_THAT(LinesOf(*node), Each(Not(HasSubstr("podwarp_pod_dropped_frames_total"))));
}

TEST(Metrics, ThereIsAnEndToSeries) {
  TestNode node(WithServices(), TestPool());
  SendTwo(&node);
  const MetricLimits limits = {.ports = 3, .pods = 1, .pod_drops = 0, .service_ports = 1};
  const std::vector<std::string> lines = LinesOf(*node, limits);
  EXPECT_THAT(lines, IsSupersetOf({
                         R"(podwarp_metrics_left_out{kind="ports"} 1)",
                         R"(podwarp_metrics_left_out{kind="pods"} 1)",
                         R"(podwarp_metrics_left_out{kind="pod_drops"} 1)",
                         R"(podwarp_metrics_left_out{kind="service_ports"} 1)",
                         // What is of all stays of all.
                         R"(podwarp_table_entries{table="pods"} 2)",
                         R"(podwarp_dropped_frames_total{reason="arp_malformed"} 1)",
                     }));
  EXPECT_THAT(lines, Contains(HasSubstr("podwarp_pod_up{namespace=\"default\",pod=\"a1\"}")));
  EXPECT_THAT(lines, Each(Not(HasSubstr("pod=\"a2\""))));
  EXPECT_THAT(lines, Each(Not(HasSubstr("port=\"default/a2\""))));
  EXPECT_THAT(lines, Each(Not(HasSubstr("protocol=\"udp\""))));
}

TEST(Metrics, ManyObjectsAreCollectedInSteps) {
  constexpr int kPodCount = 1'000;
  constexpr int kServiceCount = 10'000;
  std::string pods = "\n";
  for (int i = 0; i < kPodCount; ++i) {
    absl::StrAppend(&pods, "  - {name: p", i, ", addresses: [10.244.", 8 + i / 200, ".",
                    1 + i % 200, "], port: {tap: {interface: t", i, "}}}\n");
  }
  std::string yaml = NodeYaml(pods) + "\nservice_ranges: [10.96.0.0/12]\nservices:\n";
  for (int i = 0; i < kServiceCount; ++i) {
    absl::StrAppend(&yaml, "  - {name: s", i, ", address: 10.100.", i / 200, ".", 1 + i % 200,
                    ", ports: [{port: 80, backends: [{address: 10.244.8.1}]}]}\n");
  }
  TestNode node(yaml, TestPool());
  NodeMetrics metrics(*node);
  int steps = 0;
  double longest = 0, sum = 0;
  for (bool goes_on = true; goes_on;) {
    const double start = CpuMilliseconds();
    goes_on = metrics.Step();
    const double took = CpuMilliseconds() - start;
    longest = std::max(longest, took);
    sum += took;
    ++steps;
    // A service that goes in between is no reason to begin anew, or to tell of others twice.
    if (steps == 1) {
      const ServiceConfig gone = node->services().at("default/s1");
      ASSERT_TRUE(node->Apply({.before = gone, .after = std::nullopt}, absl::Now()).ok());
    }
  }
  // For whoever wants to know.
  const double start = CpuMilliseconds();
  const std::string text = ToText(std::move(metrics).Take());
  absl::PrintF("%d steps, the longest %.2f ms, %.1f ms in all; text: %d bytes, %.1f ms\n", steps,
               longest, sum, text.size(), CpuMilliseconds() - start);
  EXPECT_GT(steps, 1);
  std::set<std::string> names;
  size_t services = 0, pod_lines = 0;
  for (const std::string& line : Lines(text)) {
    EXPECT_TRUE(line[0] == '#' || names.insert(line.substr(0, line.rfind(' '))).second) << line;
    services += line.rfind("podwarp_service_backends{", 0) == 0;
    pod_lines += line.rfind("podwarp_pod_up{", 0) == 0;
  }
  EXPECT_GE(services, 2u * (kServiceCount - 1));
  EXPECT_EQ(pod_lines, size_t{kPodCount});
}

TEST(Metrics, LatencyIsAHistogramInSeconds) {
  const double hz = 1e9;  // a cycle is a nanosecond
  LatencyHistogram latency;
  latency.Add(3);
  latency.Add(900);        // its bucket ends at 959
  latency.Add(1'010);      // at 1,023: beyond 1 us
  latency.Add(3'000'000);  // 3 ms
  latency.Add(uint64_t{1} << 41);
  const auto histogram = ToHistogram(latency, hz);
  ASSERT_EQ(histogram.bucket.size(), 21u);
  EXPECT_EQ(histogram.bucket[0].upper_bound, 1e-6);
  EXPECT_EQ(histogram.bucket[0].cumulative_count, 2u);
  EXPECT_EQ(histogram.bucket[1].upper_bound, 2e-6);
  EXPECT_EQ(histogram.bucket[1].cumulative_count, 3u);
  EXPECT_EQ(histogram.bucket[11].cumulative_count, 3u);  // 2.048 ms
  EXPECT_EQ(histogram.bucket[12].cumulative_count, 4u);  // 4.096 ms
  EXPECT_NEAR(histogram.bucket[20].upper_bound, 1.048576, 1e-9);
  EXPECT_EQ(histogram.bucket[20].cumulative_count, 4u);
  EXPECT_EQ(histogram.sample_count, 5u);
  EXPECT_NEAR(histogram.sample_sum, 2199.026, 0.001);
}

TEST(Metrics, OddNamesAreEscaped) {
  prometheus::MetricFamily family =
      MakeFamily("podwarp_test", "help", prometheus::MetricType::Gauge);
  AddSample({{"name", "a\"b\\c\nd"}}, 1, &family);
  EXPECT_EQ(ToText({family}),
            "# HELP podwarp_test help\n# TYPE podwarp_test gauge\n"
            "podwarp_test{name=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(Metrics, LargeCountsAreWhole) {
  prometheus::MetricFamily family =
      MakeFamily("podwarp_test_total", "help", prometheus::MetricType::Counter);
  AddSample({}, 123'456'789'012'345, &family);
  EXPECT_THAT(ToText({family}), HasSubstr("podwarp_test_total 123456789012345\n"));
}

// What dashboards and alerts ask for is there.
class ConfiguredMetrics : public testing::TestWithParam<std::string> {};

TEST_P(ConfiguredMetrics, AreGiven) {
  TestNode node(WithServices(), TestPool());
  SendTwo(&node);
  std::set<std::string> given;
  for (const std::string& line : LinesOf(*node)) {
    if (line[0] != '#') given.insert(line.substr(0, line.find_first_of("{ ")));
  }
  const std::string file = std::string(PODWARP_CONFIGS) + GetParam();
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  const std::string content = text.str();
  const std::regex name(R"(\b(podwarp|process)_[a-z0-9_]+)");
  int named = 0;
  for (std::sregex_iterator at(content.begin(), content.end(), name), end; at != end; ++at) {
    EXPECT_THAT(given, Contains(at->str())) << file;
    ++named;
  }
  EXPECT_GT(named, 5) << file;
}
INSTANTIATE_TEST_SUITE_P(Files, ConfiguredMetrics,
                         testing::Values("/grafana/podwarp.json", "/prometheus/rules.yaml"));

}  // namespace
}  // namespace podwarp::test
