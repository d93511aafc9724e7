#include "telemetry/report.h"

#include <glog/logging.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

void AddTo(TrafficReport& sum, const PortCounters& counters) {
  sum.received_frames += counters.received_frames.value();
  sum.received_bytes += counters.received_bytes.value();
  sum.transmitted_frames += counters.transmitted_frames.value();
  sum.transmitted_bytes += counters.transmitted_bytes.value();
}

TrafficReport TrafficOf(const Node& node, PortId port) {
  TrafficReport sum;
  std::array<uint64_t, kDropReasons> drops{};
  for (size_t worker = 0; worker < node.workers().size(); ++worker) {
    const PortTotals totals = node.TotalsOf(port, worker);
    sum.received_frames += totals.received_frames;
    sum.received_bytes += totals.received_bytes;
    sum.transmitted_frames += totals.transmitted_frames;
    sum.transmitted_bytes += totals.transmitted_bytes;
    for (size_t i = 0; i < kDropReasons; ++i) drops[i] += totals.drops[i];
  }
  for (size_t i = 0; i < kDropReasons; ++i) {
    if (drops[i] == 0) continue;
    sum.drops.push_back({static_cast<DropReason>(i), drops[i]});
    sum.dropped_frames += drops[i];
  }
  return sum;
}

}  // namespace

std::vector<PortId> ListPorts(const Node& node) { return node.tables().ports.Ids(); }

PortReport ReportPort(const Node& node, PortId id) {
  const Port* port = node.tables().ports.Get(id);
  CHECK(port != nullptr) << "port " << id;
  return {.settings = port->settings(),
          .driver = port->Driver(),
          .state = port->State(),
          .traffic = TrafficOf(node, id),
          .device = port->Statistics()};
}

std::vector<const Node::PodRecord*> ListPods(const Node& node) {
  std::vector<const Node::PodRecord*> pods;
  for (const auto& [name, pod] : node.pods()) pods.push_back(&pod);
  return pods;
}

std::vector<const RemoteNodeConfig*> ListRemoteNodes(const Node& node) {
  std::vector<const RemoteNodeConfig*> nodes;
  for (const auto& [name, remote] : node.remote_nodes()) nodes.push_back(&remote);
  return nodes;
}

PodReport ReportPod(const Node& node, const Node::PodRecord& pod) {
  PodReport report{.config = pod.config,
                   .why_down = pod.why_down,
                   .last_seen = pod.last_seen,
                   .conflicts = pod.conflicts};
  if (pod.port == kNoPort) return report;
  const Port& port = *node.tables().ports.Get(pod.port);
  const PortState state = port.State();
  report.driver = port.Driver();
  report.up = state.up;
  report.why_down = state.why_down;
  report.traffic = TrafficOf(node, pod.port);
  return report;
}

RemoteNodeReport ReportRemoteNode(const Node& node, const RemoteNodeConfig& config) {
  RemoteNodeReport report{.config = config, .mac = node.MacOf(config)};
  if (config.virtual_mac.has_value()) {
    report.neighbor_state = "configured";
    return report;
  }
  const auto neighbor = node.neighbors().all().find(*config.underlay_address);
  if (neighbor != node.neighbors().all().end()) {
    report.neighbor_state = ToString(neighbor->second.state);
  }
  if (!report.mac.has_value()) {
    report.why_no_mac = absl::StrCat("nobody has answered ARP for ",
                                     config.underlay_address->ToString(), " on ", config.uplink);
  }
  return report;
}

WorkerReport ReportWorker(const Node& node, size_t index) {
  const Worker& worker = node.workers()[index];
  const WorkerCounters& counters = worker.counters();
  // Lcore 0 is the control thread.
  WorkerReport report{.lcore = static_cast<uint16_t>(index + 1),
                      .queues = worker.queues(),
                      .rounds = counters.rounds.value(),
                      .bursts = counters.bursts.value(),
                      .sleeps = counters.sleeps.value(),
                      .originated = counters.originated.value(),
                      .consumed = counters.consumed.value(),
                      .arp_answers = counters.arp_answers.value(),
                      .icmp_errors = counters.icmp_errors.value(),
                      .tcp_resets = counters.tcp_resets.value(),
                      .translated = counters.translated.value(),
                      .events_lost = counters.events_lost.value()};
  for (const PortCounters& port : counters.ports) AddTo(report.traffic, port);
  for (const Counter& drops : counters.drops) report.traffic.dropped_frames += drops.value();
  report.cycles_busy = counters.cycles_busy.value();
  report.cycles_sleeping = counters.cycles_sleeping.value();
  report.cycles_total = report.cycles_busy + counters.cycles_idle.value() + report.cycles_sleeping;
  const auto busy = static_cast<double>(report.cycles_busy);
  if (report.cycles_total > 0) {
    report.busy_percent = 100 * busy / static_cast<double>(report.cycles_total);
  }
  const uint64_t frames = report.traffic.received_frames;
  if (frames > 0) report.cycles_per_frame = busy / static_cast<double>(frames);
  return report;
}

}  // namespace podwarp
