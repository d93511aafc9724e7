// What one node's configuration file says, checked and with every default filled in.
//
// The file is YAML; configs/example.yaml shows every key with its meaning. Plain data: made once,
// then only read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"

namespace podwarp {

// The words of --hairpin_mode; what each does is said in configs/example.yaml.
enum class HairpinMode : uint8_t { kPromiscuousArp, kHairpinVeth, kNone };

enum class IdleMode : uint8_t { kBusy, kAdaptive };

struct GatewayConfig {
  Ipv4Address address;
  MacAddress mac;  // the node's virtual MAC unless the file names one

  friend bool operator==(const GatewayConfig&, const GatewayConfig&) = default;
};

struct UplinkConfig {
  std::string name;
  // Exactly one of these two is set.
  std::string pci_address;  // 0000:3b:00.0
  std::string vdev;         // net_af_packet0,iface=eth1
  uint16_t queues = 1;
  uint16_t vlan_id = 0;  // 0 = untagged
  uint16_t mtu_bytes = 1500;
  // The node's own address on the wire and the range of its segment.
  std::optional<Ipv4Address> address;
  uint8_t address_prefix_length = 0;
  std::optional<Ipv4Address> router;  // next hop to the world outside
  bool announce_pods = false;         // answer ARP for pods on this wire, and announce them
  bool announce_services = false;     // the same for external addresses of services

  // The range of the segment; none without an address.
  std::optional<Ipv4Prefix> segment() const {
    if (!address.has_value()) return std::nullopt;
    return Ipv4Prefix(*address, address_prefix_length);
  }

  friend bool operator==(const UplinkConfig&, const UplinkConfig&) = default;
};

struct HostPortConfig {
  std::string interface = "podwarp0";
  Ipv4Address address;  // the node's kernel among the pods; 0.0.0.0: Kubernetes has yet to say it
  bool masquerade = true;

  friend bool operator==(const HostPortConfig&, const HostPortConfig&) = default;
};

// An interface in a container's network namespace.
struct TapPortConfig {
  std::string interface = "eth0";
  std::string netns;  // path (/run/netns/x, /proc/1/ns/net); empty = podwarp's own namespace
  // Whether the other pods are on its link, asked for by ARP; if not, all go by the gateway.
  bool on_link = true;

  friend bool operator==(const TapPortConfig&, const TapPortConfig&) = default;
};

struct VhostUserPortConfig {
  std::string socket;   // at most 107 bytes
  bool server = false;  // true: podwarp listens; false: the peer does
  uint16_t queues = 1;  // queue pairs
  // Of the socket's file, if podwarp makes it: rights (0660) and group's name; unset: as the kernel
  // makes it.
  std::optional<uint16_t> socket_mode;
  std::string group;

  friend bool operator==(const VhostUserPortConfig&, const VhostUserPortConfig&) = default;
};

struct VdevPortConfig {
  std::string vdev;

  friend bool operator==(const VdevPortConfig&, const VdevPortConfig&) = default;
};
using PodPortConfig = std::variant<TapPortConfig, VhostUserPortConfig, VdevPortConfig>;

struct PodConfig {
  std::string name;
  std::string pod_namespace = "default";
  MacAddress mac;  // derived from namespace/name unless the file names one
  std::vector<Ipv4Address> addresses;
  std::vector<Ipv4Prefix> allowed_prefixes;  // further sources that the pod may send from
  uint16_t mtu_bytes = 1500;
  std::string sandbox;  // who attached the pod, in that one's own words; empty = nobody said
  PodPortConfig port;

  std::string full_name() const { return pod_namespace + "/" + name; }

  friend bool operator==(const PodConfig&, const PodConfig&) = default;
};

struct RemoteNodeConfig {
  std::string name;
  // At least one of these two is set; without a virtual MAC it is asked for on the wire.
  std::optional<MacAddress> virtual_mac;
  std::optional<Ipv4Address> underlay_address;
  std::string uplink;  // filled in: the first uplink unless the file names one
  std::vector<Ipv4Prefix> pod_ranges;

  friend bool operator==(const RemoteNodeConfig&, const RemoteNodeConfig&) = default;
};

// A pod that runs elsewhere than its address's range says.
struct RouteConfig {
  Ipv4Prefix prefix;
  std::string node;

  friend bool operator==(const RouteConfig&, const RouteConfig&) = default;
};

// What a service's backend may be told: nothing new, while it finishes what it has.
enum class BackendPhase : uint8_t { kReady, kTerminating };

struct BackendConfig {
  Ipv4Address address;
  uint16_t port = 0;  // filled in: the service's own unless the file names one
  BackendPhase phase = BackendPhase::kReady;
  // Where it runs; empty: on this node if its address is of node_pod_ranges or the node's own.
  std::string node;

  friend bool operator==(const BackendConfig&, const BackendConfig&) = default;
};

struct ServicePortConfig {
  std::string name;      // may be empty; unique in the service
  uint8_t protocol = 6;  // IpProtocol: TCP, UDP or SCTP
  uint16_t port = 0;
  uint16_t node_port = 0;               // the port of all of the node's own addresses; 0 = none
  std::vector<BackendConfig> backends;  // each address and port once; may be empty

  friend bool operator==(const ServicePortConfig&, const ServicePortConfig&) = default;
};

// Which backends a call may go to: any, or those on the node that it came to.
enum class TrafficPolicy : uint8_t { kCluster, kLocal };

// A virtual address that stands for pods, wherever they run.
struct ServiceConfig {
  std::string name;
  std::string service_namespace = "default";
  Ipv4Address address;  // of service_ranges
  // For how long after its last connection a client gets the same backend; zero = not at all.
  absl::Duration session_affinity = absl::ZeroDuration();
  // Further addresses of it, outside the cluster's ranges, at which callers from the wire are
  // served too. Each is one service's.
  std::vector<Ipv4Address> external_addresses;
  // Who of the callers from the wire may use external_addresses; empty = all.
  std::vector<Ipv4Prefix> source_ranges;
  // For calls to `address`, and for calls from the wire to external_addresses and node ports. What
  // pods of this node and the node itself send to the latter may go to any backend.
  TrafficPolicy internal_traffic = TrafficPolicy::kCluster;
  TrafficPolicy external_traffic = TrafficPolicy::kCluster;
  std::vector<ServicePortConfig> ports;  // at least one; protocol and port of each are its own

  std::string full_name() const { return service_namespace + "/" + name; }

  friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;
};

// The connections of services: how many are kept, and for how long when nothing comes.
struct ConnectionsConfig {
  uint32_t capacity = 1u << 20;  // a power of 2
  absl::Duration tcp_idle = absl::Hours(24);
  absl::Duration udp_idle = absl::Seconds(120);

  friend bool operator==(const ConnectionsConfig&, const ConnectionsConfig&) = default;
};

// By which podwarp is looked at and changed while it runs.
struct ApiConfig {
  std::string socket = "/run/podwarp/api.sock";  // at most 107 bytes
  uint16_t socket_mode = 0660;
  std::string group;                                     // the socket's; empty = podwarp's own
  std::string state_file = "/var/lib/podwarp/state.db";  // what came through it

  friend bool operator==(const ApiConfig&, const ApiConfig&) = default;
};

// Where what the node counts is served over TCP, to whoever can reach the address.
struct MetricsConfig {
  Ipv4Address address;  // the node's own; 0.0.0.0 = all of them
  uint16_t port = 0;

  friend bool operator==(const MetricsConfig&, const MetricsConfig&) = default;
};

// The API server that the node follows.
struct KubernetesConfig {
  std::string kubeconfig;       // absolute path; empty: as a pod's service account says
  bool watch_all_pods = false;  // not only this node's

  friend bool operator==(const KubernetesConfig&, const KubernetesConfig&) = default;
};

struct WorkersConfig {
  std::vector<uint16_t> cores;  // one worker each; empty = the last core of the process's affinity

  friend bool operator==(const WorkersConfig&, const WorkersConfig&) = default;
};

struct IdleConfig {
  IdleMode mode = IdleMode::kAdaptive;
  absl::Duration max_sleep = absl::Milliseconds(1);

  friend bool operator==(const IdleConfig&, const IdleConfig&) = default;
};

struct LimitsConfig {
  uint32_t arp_per_second = 10'000;           // of each port and worker; 0 = no limit
  uint32_t icmp_errors_per_second = 1'000;    // of each worker; 0 = none are sent
  uint32_t announcements_per_second = 1'000;  // of each uplink
  uint32_t adjacencies = 1u << 17;

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

struct Config {
  std::string node_name;
  MacAddress virtual_mac;
  GatewayConfig gateway;
  std::vector<Ipv4Prefix> pod_ranges;  // the cluster's
  // This node's part of them. With `kubernetes`, empty: it has yet to say them.
  std::vector<Ipv4Prefix> node_pod_ranges;
  std::vector<Ipv4Prefix> service_ranges;
  std::vector<Ipv4Address> reserved_addresses;
  HairpinMode hairpin_mode = HairpinMode::kPromiscuousArp;
  // Who a pod that is its own backend sees its calls come from; filled in: the gateway's address
  // or, if that is link-local, the host port's. 0.0.0.0: there is none, such calls fail.
  Ipv4Address hairpin_address;
  std::vector<UplinkConfig> uplinks;
  std::optional<HostPortConfig> host_port;
  std::vector<PodConfig> pods;
  std::vector<RemoteNodeConfig> nodes;
  std::vector<RouteConfig> routes;
  std::vector<ServiceConfig> services;
  ConnectionsConfig connections;
  std::optional<ApiConfig> api;
  std::optional<MetricsConfig> metrics;
  std::optional<KubernetesConfig> kubernetes;
  WorkersConfig workers;
  IdleConfig idle;
  LimitsConfig limits;
  std::string file_prefix;  // DPDK's; "podwarp-" and the node's name unless the file names one
  uint32_t buffers = 0;     // for frames, at least so many; 0 = as needed
  uint32_t hugepage_memory_mb = 0;  // 0 = as needed

  friend bool operator==(const Config&, const Config&) = default;
};

// What the command line says in place of the file, by the same rules; unset = the file's word
// counts.
struct ConfigOverrides {
  std::optional<std::string> node_name;
  std::optional<std::string> virtual_mac;
  std::optional<std::string> hairpin_mode;
  std::optional<std::string> file_prefix;
  std::optional<std::string> worker_cores;  // 1,2
  std::optional<std::string> idle_mode;
  std::optional<std::string> kubeconfig;  // has Kubernetes followed, too
  // Not the command line's: the ranges that Kubernetes has for this node, for what the file leaves
  // to it, as CompleteFromNode() says. Unset: that is still to come, and is no fault.
  std::optional<std::vector<Ipv4Prefix>> pod_cidrs;
};

// Reads and checks the file. Errors: InvalidArgument whose message has a line for each fault found,
// all in one go and in the order of lines, "FILE:LINE: KEY: what is wrong, and what would be
// right"; faults of the command line stand before these as "--FLAG: ...". Text that isn't YAML has
// only the parser's own fault, "FILE:LINE: ...". NotFound if the file can't be read.
absl::StatusOr<Config> LoadConfig(const std::string& path, const ConfigOverrides& overrides);
// The same for text; `name` stands for the file in messages.
absl::StatusOr<Config> ParseConfig(const std::string& text, const std::string& name,
                                   const ConfigOverrides& overrides);

// The effective configuration, defaults and all, as YAML that LoadConfig reads back to the same
// Config.
std::string ToYaml(const Config& config);

// Knows promiscuous-bridge too, as a synonym of promiscuous-arp. Errors: InvalidArgument that lists
// the words.
absl::StatusOr<HairpinMode> ParseHairpinMode(std::string_view word);
std::string_view ToString(HairpinMode mode);
std::string_view ToString(IdleMode mode);

}  // namespace podwarp
