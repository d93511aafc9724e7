#include "telemetry/report.h"

#include <glog/logging.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "podwarp/dataplane/arp_policy.h"

namespace podwarp {
namespace {

void AddTo(TrafficReport& sum, const PortCounters& counters) {
  sum.received_frames += counters.received_frames.value();
  sum.received_bytes += counters.received_bytes.value();
  sum.transmitted_frames += counters.transmitted_frames.value();
  sum.transmitted_bytes += counters.transmitted_bytes.value();
}

// Of one port.
void AddDrops(TrafficReport& sum, const WorkerSet& workers, PortId port) {
  for (size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    uint64_t frames = 0;
    for (size_t worker = 0; worker < workers.size(); ++worker) {
      frames += workers[worker].counters().DropsOf(port, reason).value();
    }
    if (frames == 0) continue;
    sum.drops.push_back({reason, frames});
    sum.dropped_frames += frames;
  }
}

TrafficReport TrafficOf(const Node& node, PortId port) {
  TrafficReport sum;
  const WorkerSet& workers = node.workers();
  for (size_t i = 0; i < workers.size(); ++i) AddTo(sum, workers[i].counters().ports[port]);
  AddDrops(sum, workers, port);
  return sum;
}

std::string PortName(const Node& node, PortId id) {
  if (id == kNoPort) return "no port";
  const Port* port = id < kMaxPorts ? node.tables().ports.Get(id) : nullptr;
  return port == nullptr ? absl::StrCat("port ", id, " (gone)") : port->settings().name;
}

AddressReport Describe(const Node& node, const Ipv4Prefix& prefix, std::string_view owner,
                       AdjacencyIndex index) {
  const Adjacency& adjacency = node.tables().adjacencies[index];
  AddressReport report{.prefix = prefix, .owner = std::string(owner), .kind = adjacency.kind};
  const NodeSettings& settings = node.tables().settings();
  if (IsAnswered(adjacency.kind, PortRole::kPod, settings)) {
    report.answered_with = settings.gateway_mac;
  }
  if (adjacency.kind >= kFirstForwardable) report.next_hop_mac = adjacency.destination;
  if (adjacency.port != kNoPort) report.next_hop_port = PortName(node, adjacency.port);
  return report;
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

std::vector<ServicePlace> ListServices(const Node& node) {
  std::vector<ServicePlace> places;
  for (const auto& [name, service] : node.services()) {
    for (const ServicePortConfig& port : service.ports) places.push_back({&service, &port});
  }
  return places;
}

ServiceReport ReportService(const ServicePlace& place) {
  ServiceReport report;
  report.name = NameOf(*place.service, *place.port);
  report.address = place.service->address;
  report.port = place.port->port;
  report.protocol = place.port->protocol;
  report.session_affinity = place.service->session_affinity;
  report.external_addresses = place.service->external_addresses;
  report.source_ranges = place.service->source_ranges;
  report.internal_traffic = place.service->internal_traffic;
  report.external_traffic = place.service->external_traffic;
  report.node_port = place.port->node_port;
  for (const BackendConfig& backend : place.port->backends) {
    const bool is_ready = backend.phase == BackendPhase::kReady;
    (is_ready ? report.ready : report.terminating).push_back(backend);
  }
  return report;
}

ConnectionsReport ReportConnections(const Node& node) {
  const ConnectionTable& connections = node.tables().connections;
  ConnectionsReport report;
  report.capacity = connections.capacity();
  report.most_bytes = ConnectionTable::BytesFor(report.capacity);
  report.statistics = connections.statistics();
  return report;
}

OwnedPrefixes ListPrefixes(const Node& node, size_t start, size_t count) {
  std::vector<OwnedPrefix> all;
  all.reserve(node.tables().routes.size());
  for (const auto& [name, owner] : node.owners().all()) {
    for (const Ipv4Prefix& prefix : owner.prefixes) all.push_back({prefix, &name});
  }
  const auto less = [](const OwnedPrefix& a, const OwnedPrefix& b) { return a.prefix < b.prefix; };
  const auto first = all.begin() + static_cast<ptrdiff_t>(std::min(start, all.size()));
  const auto left = static_cast<size_t>(all.end() - first);
  const auto last = first + static_cast<ptrdiff_t>(std::min(count, left));
  std::nth_element(all.begin(), first, all.end(), less);
  std::partial_sort(first, last, all.end(), less);
  return {.total = all.size(), .listed = {first, last}};
}

AddressReport ReportPrefix(const Node& node, const OwnedPrefix& owned) {
  return Describe(node, owned.prefix, *owned.owner, node.owners().Find(*owned.owner)->adjacency);
}

AddressReport ReportAddress(const Node& node, Ipv4Address address) {
  return Describe(node, Ipv4Prefix::Host(address), node.owners().OwnerOf(address),
                  node.tables().routes.Lookup(address));
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
  report.cycles_total =
      report.cycles_busy + counters.cycles_idle.value() + counters.cycles_sleeping.value();
  const auto busy = static_cast<double>(report.cycles_busy);
  if (report.cycles_total > 0) {
    report.busy_percent = 100 * busy / static_cast<double>(report.cycles_total);
  }
  const uint64_t frames = report.traffic.received_frames;
  if (frames > 0) report.cycles_per_frame = busy / static_cast<double>(frames);
  return report;
}

DropReport ReportDrop(const Node& node, DropReason reason) {
  DropReport report{.reason = reason};
  const auto index = static_cast<size_t>(reason);
  for (size_t i = 0; i < node.workers().size(); ++i) {
    const WorkerCounters& counters = node.workers()[i].counters();
    const uint64_t frames = counters.drops[index].value();
    if (frames == 0) continue;
    report.frames += frames;
    const std::string port =
        PortName(node, counters.last_drop_port[index].load(std::memory_order_relaxed));
    auto& ports = report.last_ports;
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
  }
  return report;
}

absl::StatusOr<DropReason> FindDropReason(std::string_view name) {
  for (size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (Name(reason) == name) return reason;
  }
  return absl::NotFoundError(absl::StrCat("there is no drop reason '", std::string(name), "'"));
}

}  // namespace podwarp
