#include "control/config_sections.h"

#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "control/service_values.h"
#include "port/vhost_limits.h"

namespace podwarp {
namespace {

constexpr uint32_t kMostPerSecond = 1'000'000'000;

// A `parse` for MappingReader.
template <typename T>
auto IntegerIn(uint32_t least, uint32_t most) {
  return [least, most](const std::string& text) -> absl::StatusOr<T> {
    const absl::StatusOr<uint32_t> value = ParseIntegerIn(text, least, most);
    if (!value.ok()) return value.status();
    return static_cast<T>(*value);
  };
}

// 576 is what every host must take, RFC 791 3.1; 9216 is the usual end of jumbo frames.
const auto kMtu = IntegerIn<uint16_t>(576, 9216);

const auto kPort = IntegerIn<uint16_t>(1, 65535);  // of TCP, UDP or SCTP

void ReadUplink(MappingReader* reader, UplinkConfig* uplink) {
  reader->Require("name");
  reader->Scalar("name", ParsePortName, &uplink->name);
  reader->RequireOneOf({"pci", "vdev"});
  reader->Scalar("pci", ParsePciAddress, &uplink->pci_address);
  reader->Scalar("vdev", ParseVdevText, &uplink->vdev);
  reader->Scalar("queues", IntegerIn<uint16_t>(1, 64), &uplink->queues);
  reader->Scalar("vlan", IntegerIn<uint16_t>(1, 4094), &uplink->vlan_id);
  reader->Scalar("mtu", kMtu, &uplink->mtu_bytes);
  std::optional<AddressWithLength> own;
  reader->Scalar("address", ParseInterfaceAddress, &own);
  if (own.has_value()) {
    uplink->address = own->address;
    uplink->address_prefix_length = own->prefix_length;
  }
  reader->Scalar("router", ParseHostAddress, &uplink->router);
  reader->Scalar("announce_pods", ParseBool, &uplink->announce_pods);
  reader->Scalar("announce_services", ParseBool, &uplink->announce_services);
}

void ReadHostPort(MappingReader* reader, bool kubernetes_says, HostPortConfig* host_port) {
  reader->Scalar("interface", ParseInterfaceName, &host_port->interface);
  if (!kubernetes_says) reader->Require("address");
  reader->Scalar("address", ParseHostAddress, &host_port->address);
  reader->Scalar("masquerade", ParseBool, &host_port->masquerade);
}

void ReadApi(MappingReader* reader, ApiConfig* api) {
  reader->Scalar("socket", ParseSocketPath, &api->socket);
  reader->Scalar("socket_mode", ParseFileMode, &api->socket_mode);
  reader->Scalar("group", ParseGroupName, &api->group);
  reader->Scalar("state", ParseAbsolutePath, &api->state_file);
}

void ReadMetrics(MappingReader* reader, MetricsConfig* metrics) {
  reader->Require("listen");
  reader->Scalar("listen", ParseListenAddress, metrics);
}

void ReadKubernetes(MappingReader* reader, KubernetesConfig* kubernetes) {
  reader->Scalar("kubeconfig", ParseAbsolutePath, &kubernetes->kubeconfig);
  reader->Scalar("watch_all_pods", ParseBool, &kubernetes->watch_all_pods);
}

absl::StatusOr<bool> ParseServerMode(const std::string& text) {
  if (text == "server") return true;
  if (text == "client") return false;
  return absl::InvalidArgumentError(absl::StrCat(
      "'", text, "' is not a mode (expected server, if podwarp listens on the socket, or client)"));
}

void ReadPodPort(MappingReader* reader, PodPortConfig* port) {
  reader->RequireOneOf({"tap", "vhost_user", "vdev"});
  if (reader->Has("tap")) {
    reader->Mapping("tap", [&](MappingReader* tap_reader) {
      TapPortConfig& tap = port->emplace<TapPortConfig>();
      tap_reader->Scalar("interface", ParseInterfaceName, &tap.interface);
      tap_reader->Scalar("netns", ParseAbsolutePath, &tap.netns);
      tap_reader->Scalar("on_link", ParseBool, &tap.on_link);
    });
  }
  if (reader->Has("vhost_user")) {
    reader->Mapping("vhost_user", [&](MappingReader* vhost_user_reader) {
      VhostUserPortConfig& vhost_user = port->emplace<VhostUserPortConfig>();
      vhost_user_reader->Require("socket");
      vhost_user_reader->Scalar("socket", ParseSocketPath, &vhost_user.socket);
      vhost_user_reader->Scalar("mode", ParseServerMode, &vhost_user.server);
      vhost_user_reader->Scalar("queues", IntegerIn<uint16_t>(1, kMaxVhostQueuePairs),
                                &vhost_user.queues);
      vhost_user_reader->Scalar("socket_mode", ParseFileMode, &vhost_user.socket_mode);
      vhost_user_reader->Scalar("group", ParseGroupName, &vhost_user.group);
    });
  }
  if (reader->Has("vdev")) {
    reader->Scalar("vdev", ParseVdevText, &port->emplace<VdevPortConfig>().vdev);
  }
}

void ReadLimits(MappingReader* reader, LimitsConfig* limits) {
  const auto rate = IntegerIn<uint32_t>(0, kMostPerSecond);
  reader->Scalar("arp_per_second", rate, &limits->arp_per_second);
  reader->Scalar("icmp_errors_per_second", rate, &limits->icmp_errors_per_second);
  reader->Scalar("announcements_per_second", IntegerIn<uint32_t>(1, kMostPerSecond),
                 &limits->announcements_per_second);
  // 16 M entries of 32 bytes are 512 MB of addresses, reserved at start.
  reader->Scalar("adjacencies", IntegerIn<uint32_t>(1024, 1u << 24), &limits->adjacencies);
}

void ReadBackend(MappingReader* reader, BackendConfig* backend) {
  reader->Require("address");
  reader->Scalar("address", ParseHostAddress, &backend->address);
  reader->Scalar("port", kPort, &backend->port);
  reader->Scalar("state", ParseBackendPhase, &backend->phase);
  reader->Scalar("node", ParseDnsSubdomain, &backend->node);
}

void ReadServicePort(MappingReader* reader, ServicePortConfig* port) {
  reader->Scalar("name", ParseDnsLabel, &port->name);
  reader->Scalar("protocol", ParseProtocol, &port->protocol);
  reader->Require("port");
  reader->Scalar("port", kPort, &port->port);
  reader->Scalar("node_port", kPort, &port->node_port);
  reader->MappingList("backends", &port->backends, ReadBackend);
}

void ReadConnections(MappingReader* reader, ConnectionsConfig* connections) {
  const auto idle = [](const std::string& text) {
    return ParseDurationIn(text, absl::Seconds(1), absl::Hours(7 * 24));
  };
  reader->Scalar("capacity", ParseConnectionCapacity, &connections->capacity);
  reader->Scalar("tcp_idle", idle, &connections->tcp_idle);
  reader->Scalar("udp_idle", idle, &connections->udp_idle);
}

}  // namespace

void ReadPod(MappingReader* reader, PodConfig* pod) {
  reader->Require("name");
  reader->Scalar("name", ParseDnsSubdomain, &pod->name);
  reader->Scalar("namespace", ParseDnsLabel, &pod->pod_namespace);
  reader->Scalar("mac", ParseUnicastMac, &pod->mac);
  reader->Require("addresses");
  reader->List("addresses", ParseHostAddress, &pod->addresses);
  reader->List("allowed_prefixes", Ipv4Prefix::Parse, &pod->allowed_prefixes);
  reader->Scalar("mtu", kMtu, &pod->mtu_bytes);
  reader->Scalar("sandbox", ParseSandbox, &pod->sandbox);
  reader->Require("port");
  reader->Mapping("port", [&](MappingReader* port) { ReadPodPort(port, &pod->port); });
}

void ReadRemoteNode(MappingReader* reader, RemoteNodeConfig* remote) {
  reader->Require("name");
  reader->Scalar("name", ParseDnsSubdomain, &remote->name);
  reader->Scalar("virtual_mac", ParseUnicastMac, &remote->virtual_mac);
  reader->Scalar("underlay_address", ParseHostAddress, &remote->underlay_address);
  reader->Scalar("uplink", ParsePortName, &remote->uplink);
  reader->Require("pod_ranges");
  reader->List("pod_ranges", Ipv4Prefix::Parse, &remote->pod_ranges);
}

void ReadRoute(MappingReader* reader, RouteConfig* route) {
  reader->Require("prefix");
  reader->Scalar("prefix", Ipv4Prefix::Parse, &route->prefix);
  reader->Require("node");
  reader->Scalar("node", ParseDnsSubdomain, &route->node);
}

void ReadService(MappingReader* reader, ServiceConfig* service) {
  reader->Require("name");
  reader->Scalar("name", ParseDnsLabel, &service->name);
  reader->Scalar("namespace", ParseDnsLabel, &service->service_namespace);
  reader->Require("address");
  reader->Scalar("address", ParseHostAddress, &service->address);
  reader->Scalar("session_affinity", ParseAffinity, &service->session_affinity);
  reader->List("external_addresses", ParseHostAddress, &service->external_addresses);
  reader->List("source_ranges", Ipv4Prefix::Parse, &service->source_ranges);
  reader->Scalar("internal_traffic", ParseTrafficPolicy, &service->internal_traffic);
  reader->Scalar("external_traffic", ParseTrafficPolicy, &service->external_traffic);
  reader->Require("ports");
  reader->MappingList("ports", &service->ports, ReadServicePort);
}

void ReadConfig(MappingReader* file, Config* config) {
  file->Scalar("node_name", ParseDnsSubdomain, &config->node_name);
  file->Scalar("virtual_mac", ParseUnicastMac, &config->virtual_mac);
  file->Mapping("gateway", [&](MappingReader* gateway) {
    gateway->Require("address");
    gateway->Scalar("address", ParseHostAddress, &config->gateway.address);
    gateway->Scalar("mac", ParseUnicastMac, &config->gateway.mac);
  });
  file->Require("pod_ranges");
  file->List("pod_ranges", Ipv4Prefix::Parse, &config->pod_ranges);
  file->List("node_pod_ranges", Ipv4Prefix::Parse, &config->node_pod_ranges);
  file->List("service_ranges", Ipv4Prefix::Parse, &config->service_ranges);
  file->List("reserved_addresses", ParseHostAddress, &config->reserved_addresses);
  file->Scalar("hairpin_mode", ParseHairpinMode, &config->hairpin_mode);
  file->Scalar("hairpin_address", ParseHairpinAddress, &config->hairpin_address);
  file->MappingList("uplinks", &config->uplinks, ReadUplink);
  if (file->Has("kubernetes")) {
    file->Mapping("kubernetes", [&](MappingReader* kubernetes) {
      ReadKubernetes(kubernetes, &config->kubernetes.emplace());
    });
  }
  if (file->Has("host_port")) {
    file->Mapping("host_port", [&](MappingReader* host_port) {
      ReadHostPort(host_port, config->kubernetes.has_value(), &config->host_port.emplace());
    });
  }
  file->MappingList("pods", &config->pods, ReadPod);
  file->MappingList("nodes", &config->nodes, ReadRemoteNode);
  file->MappingList("routes", &config->routes, ReadRoute);
  file->MappingList("services", &config->services, ReadService);
  file->Mapping("connections", [&](MappingReader* connections) {
    ReadConnections(connections, &config->connections);
  });
  if (file->Has("api")) {
    file->Mapping("api", [&](MappingReader* api) { ReadApi(api, &config->api.emplace()); });
  }
  if (file->Has("metrics")) {
    file->Mapping("metrics", [&](MappingReader* metrics) {
      ReadMetrics(metrics, &config->metrics.emplace());
    });
  }
  file->Mapping("workers", [&](MappingReader* workers) {
    workers->List("cores", IntegerIn<uint16_t>(0, 1023), &config->workers.cores);  // CPU_SETSIZE
  });
  file->Mapping("idle", [&](MappingReader* idle) {
    idle->Scalar("mode", ParseIdleMode, &config->idle.mode);
    const auto bound = [](const std::string& text) {
      return ParseDurationIn(text, absl::Microseconds(10), absl::Milliseconds(10));
    };
    idle->Scalar("max_sleep", bound, &config->idle.max_sleep);
  });
  file->Mapping("limits", [&](MappingReader* limits) { ReadLimits(limits, &config->limits); });
  file->Mapping("memory", [&](MappingReader* memory) {
    memory->Scalar("file_prefix", ParseFilePrefix, &config->file_prefix);
    memory->Scalar("buffers", IntegerIn<uint32_t>(0, 1u << 23), &config->buffers);
    memory->Scalar("hugepages_mb", IntegerIn<uint32_t>(0, 1u << 20), &config->hugepage_memory_mb);
  });
}

}  // namespace podwarp
