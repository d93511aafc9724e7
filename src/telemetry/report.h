// How the node is doing, as plain structs: what telemetry, the API and metrics all tell. Names of
// fields and their meaning are set here once.
//
// Numbers come from running workers: each is whole, but not all are of the same moment.
// Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control/node.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/stage.h"
#include "podwarp/port/port.h"

namespace podwarp {

// Summed over workers, in podwarp's view: what a pod sends is received. Bytes are of Ethernet
// frames without frame check sequence.
// Of a port, or a pod's port: since it was added.
struct TrafficReport {
  uint64_t received_frames = 0;
  uint64_t received_bytes = 0;
  uint64_t transmitted_frames = 0;
  uint64_t transmitted_bytes = 0;
  uint64_t dropped_frames = 0;  // that came in by this port, or were to leave by it
  // The same by reason: those that have happened, in the order of the enum.
  struct Drops {
    DropReason reason;
    uint64_t frames;
  };
  std::vector<Drops> drops;  // empty in a worker's report: DropReport has those
};

// "no port" for kNoPort, "port 7 (gone)" for one that isn't there (any more).
std::string NameOfPort(const Node& node, PortId port);

struct PortReport {
  PortSettings settings;
  std::string driver;
  PortState state;
  TrafficReport traffic;
  DeviceStatistics device;
};
std::vector<PortId> ListPorts(const Node& node);  // ascending by number
// REQUIRES: the port exists.
PortReport ReportPort(const Node& node, PortId port);

struct PodReport {
  PodConfig config;
  std::string driver;  // empty without a port
  bool up = false;
  std::string why_down;  // one sentence; empty if up
  absl::Time last_seen = absl::InfinitePast();
  uint64_t conflicts = 0;
  TrafficReport traffic;  // of its present port
};
std::vector<const Node::PodRecord*> ListPods(const Node& node);  // ascending by namespace/name
PodReport ReportPod(const Node& node, const Node::PodRecord& pod);

std::vector<const RemoteNodeConfig*> ListRemoteNodes(const Node& node);  // ascending by name

struct RemoteNodeReport {
  RemoteNodeConfig config;
  std::optional<MacAddress> mac;
  std::string why_no_mac;  // one sentence; empty if there is a MAC
  // "configured" (its MAC stands in the configuration), or how asking for it goes: "asked",
  // "resolved", "silent".
  std::string neighbor_state;
};
RemoteNodeReport ReportRemoteNode(const Node& node, const RemoteNodeConfig& config);

// One port of a service.
struct ServiceReport {
  std::string name;  // "default/web:http"
  Ipv4Address address;
  uint16_t port = 0;
  uint8_t protocol = 0;             // IpProtocol
  absl::Duration session_affinity;  // zero = none
  std::vector<Ipv4Address> external_addresses;
  std::vector<Ipv4Prefix> source_ranges;
  TrafficPolicy internal_traffic = TrafficPolicy::kCluster;
  TrafficPolicy external_traffic = TrafficPolicy::kCluster;
  uint16_t node_port = 0;  // 0 = none
  // As the configuration lists them.
  std::vector<BackendConfig> ready;
  std::vector<BackendConfig> terminating;
};
struct ServicePlace {
  const ServiceConfig* service;
  const ServicePortConfig* port;
};
// Ascending by namespace/name, a service's ports in its own order; valid until the next change.
std::vector<ServicePlace> ListServices(const Node& node);
ServiceReport ReportService(const ServicePlace& place);

// The connections to services, all together.
struct ConnectionsReport {
  uint32_t capacity = 0;
  size_t most_bytes = 0;  // of memory, when all are in use
  ConnectionTable::Statistics statistics;
};
ConnectionsReport ReportConnections(const Node& node);

// What is known about an address, or a range of them: what ARP is answered from and frames are
// forwarded by.
struct AddressReport {
  Ipv4Prefix prefix;  // the widest that all of this is true for, or the one address asked for
  std::string owner;  // "pod default/web-1", "node node-b", "gateway"; empty if there is no route
  NextHopKind kind = NextHopKind::kNone;
  // What a pod that asks for it by ARP is told; unset: it gets no answer. The owner itself never
  // gets one.
  std::optional<MacAddress> answered_with;
  // Where a frame to it then goes; unset where it ends here.
  std::optional<MacAddress> next_hop_mac;
  std::string next_hop_port;
};
struct OwnedPrefix {
  Ipv4Prefix prefix;
  const std::string* owner;
};
struct OwnedPrefixes {
  size_t total = 0;                 // on the node
  std::vector<OwnedPrefix> listed;  // ascending by address; valid until the next change
};
// Up to `count`, from number `start` on. Only these are sorted: of a million in some 50 ms.
OwnedPrefixes ListPrefixes(const Node& node, size_t start, size_t count);
AddressReport ReportPrefix(const Node& node, const OwnedPrefix& owned);
AddressReport ReportAddress(const Node& node, Ipv4Address address);

// What becomes of a pod's frame to an address, but for what is the frame's own: its time to live,
// its length, whose it is.
struct RouteReport {
  Ipv4Address address;
  std::string_view verdict;  // "sent", "consumed", "translated" (to a service's backend), "dropped"
  std::string summary;       // the same in a sentence
  std::optional<DropReason> reason;  // if it is dropped
  std::string owner;                 // these as in AddressReport
  NextHopKind kind = NextHopKind::kNone;
  std::optional<MacAddress> answered_with;
  // Where the frame goes, unless it ends here: to whom ("pod default/web-1"; of an address outside
  // the cluster, "host" or an uplink's router), and by which port.
  std::string next_hop;
  std::optional<MacAddress> next_hop_mac;
  std::string port;
  uint16_t mtu_bytes = 0;
  bool up = false;
  std::string why_down;  // one sentence; empty if up
  // Of services that have the address, node ports among them.
  struct ServicePort {
    std::string name;  // "default/web:http"
    uint16_t port = 0;
    uint8_t protocol = 0;    // IpProtocol
    size_t ready = 0;        // backends for calls from this node
    size_t terminating = 0;  // backends, wherever they are
  };
  std::vector<ServicePort> services;
};
RouteReport ReportRoute(const Node& node, Ipv4Address address);

struct WorkerReport {
  uint16_t lcore = 0;  // DPDK's number
  size_t queues = 0;   // receive queues that it serves
  TrafficReport traffic;
  uint64_t rounds = 0;
  uint64_t bursts = 0;
  // TSC cycles since it started: those of rounds that had frames, those asleep, and all
  // of them.
  uint64_t cycles_busy = 0;
  uint64_t cycles_sleeping = 0;
  uint64_t cycles_total = 0;
  // The busy share of all; 0 to 100.
  double busy_percent = 0;
  double cycles_per_frame = 0;  // of busy rounds; 0 without frames
  uint64_t sleeps = 0;
  uint64_t originated = 0;
  uint64_t consumed = 0;
  uint64_t arp_answers = 0;
  uint64_t icmp_errors = 0;
  uint64_t tcp_resets = 0;
  uint64_t translated = 0;  // frames to and from services
  uint64_t events_lost = 0;
};
// REQUIRES: index < node.workers().size().
WorkerReport ReportWorker(const Node& node, size_t index);

struct DropReport {
  DropReason reason;
  uint64_t frames = 0;
  // Where each worker that has dropped for this reason last did so; no port twice.
  std::vector<std::string> last_ports;
  // Who is behind these, "host" being the node's kernel; nobody behind an uplink.
  std::vector<std::string> last_pods;
};
DropReport ReportDrop(const Node& node, DropReason reason);
// Errors: NotFound that shows the name.
absl::StatusOr<DropReason> FindDropReason(std::string_view name);

// What a stage costs, by one burst in kTimedEvery. Cycles are of the TSC.
struct StageReport {
  Stage stage;
  uint64_t bursts = 0;  // timed ones that had frames for it
  uint64_t frames = 0;
  uint64_t cycles = 0;
  double cycles_per_frame = 0;  // 0 without frames
  double frames_per_burst = 0;
};
// Of all workers, or of one (REQUIRES: worker < node.workers().size()).
StageReport ReportStage(const Node& node, Stage stage, std::optional<size_t> worker = {});

// How long frames took from Port::Receive() to Port::Transmit(), by samples since the start.
struct LatencyReport {
  uint64_t samples = 0;
  // Of at most so many: upper bounds of the histogram's buckets, an eighth too high at most. Zero
  // without samples.
  absl::Duration p50, p90, p99, p999, max, mean;
};
LatencyReport ReportLatency(const Node& node, std::optional<size_t> worker = {});

}  // namespace podwarp
