#include <yaml-cpp/yaml.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "control/config.h"

namespace podwarp {
namespace {

// A list of addresses or ranges, on one line.
template <typename T>
YAML::Node TextList(const std::vector<T>& values) {
  YAML::Node list(YAML::NodeType::Sequence);
  list.SetStyle(YAML::EmitterStyle::Flow);
  for (const T& value : values) list.push_back(value.ToString());
  return list;
}

template <typename T, typename ToNode>
YAML::Node MappingList(const std::vector<T>& values, ToNode to_node) {
  YAML::Node list(YAML::NodeType::Sequence);
  for (const T& value : values) list.push_back(to_node(value));
  return list;
}

YAML::Node UplinkNode(const UplinkConfig& uplink) {
  YAML::Node node;
  node["name"] = uplink.name;
  if (!uplink.pci_address.empty()) node["pci"] = uplink.pci_address;
  if (!uplink.vdev.empty()) node["vdev"] = uplink.vdev;
  node["queues"] = uplink.queues;
  if (uplink.vlan_id != 0) node["vlan"] = uplink.vlan_id;
  node["mtu"] = uplink.mtu_bytes;
  if (uplink.address.has_value()) {
    node["address"] =
        absl::StrCat(uplink.address->ToString(), "/", uint32_t{uplink.address_prefix_length});
  }
  if (uplink.router.has_value()) node["router"] = uplink.router->ToString();
  node["announce_pods"] = uplink.announce_pods;
  return node;
}

struct PodPortNode {
  YAML::Node operator()(const TapPortConfig& tap) const {
    YAML::Node node;
    node["tap"]["interface"] = tap.interface;
    if (!tap.netns.empty()) node["tap"]["netns"] = tap.netns;
    return node;
  }
  YAML::Node operator()(const VhostUserPortConfig& vhost_user) const {
    YAML::Node node;
    node["vhost_user"]["socket"] = vhost_user.socket;
    node["vhost_user"]["mode"] = vhost_user.server ? "server" : "client";
    node["vhost_user"]["queues"] = vhost_user.queues;
    if (vhost_user.socket_mode.has_value()) {
      node["vhost_user"]["socket_mode"] = absl::StrFormat("%04o", *vhost_user.socket_mode);
    }
    if (!vhost_user.group.empty()) node["vhost_user"]["group"] = vhost_user.group;
    return node;
  }
  YAML::Node operator()(const VdevPortConfig& device) const {
    YAML::Node node;
    node["vdev"] = device.vdev;
    return node;
  }
};

YAML::Node PodNode(const PodConfig& pod) {
  YAML::Node node;
  node["name"] = pod.name;
  node["namespace"] = pod.pod_namespace;
  node["mac"] = pod.mac.ToString();
  node["addresses"] = TextList(pod.addresses);
  node["allowed_prefixes"] = TextList(pod.allowed_prefixes);
  node["mtu"] = pod.mtu_bytes;
  node["port"] = std::visit(PodPortNode(), pod.port);
  return node;
}

YAML::Node RemoteNodeNode(const RemoteNodeConfig& remote) {
  YAML::Node node;
  node["name"] = remote.name;
  if (remote.virtual_mac.has_value()) node["virtual_mac"] = remote.virtual_mac->ToString();
  if (remote.underlay_address.has_value()) {
    node["underlay_address"] = remote.underlay_address->ToString();
  }
  node["uplink"] = remote.uplink;
  node["pod_ranges"] = TextList(remote.pod_ranges);
  return node;
}

YAML::Node RouteNode(const RouteConfig& route) {
  YAML::Node node;
  node["prefix"] = route.prefix.ToString();
  node["node"] = route.node;
  return node;
}

}  // namespace

std::string ToYaml(const Config& config) {
  YAML::Node root;
  root["node_name"] = config.node_name;
  root["virtual_mac"] = config.virtual_mac.ToString();
  root["gateway"]["address"] = config.gateway.address.ToString();
  root["gateway"]["mac"] = config.gateway.mac.ToString();
  root["pod_ranges"] = TextList(config.pod_ranges);
  root["node_pod_ranges"] = TextList(config.node_pod_ranges);
  root["service_ranges"] = TextList(config.service_ranges);
  root["reserved_addresses"] = TextList(config.reserved_addresses);
  root["hairpin_mode"] = std::string(ToString(config.hairpin_mode));
  root["uplinks"] = MappingList(config.uplinks, UplinkNode);
  if (config.host_port.has_value()) {
    root["host_port"]["interface"] = config.host_port->interface;
    root["host_port"]["address"] = config.host_port->address.ToString();
    root["host_port"]["masquerade"] = config.host_port->masquerade;
  }
  root["pods"] = MappingList(config.pods, PodNode);
  root["nodes"] = MappingList(config.nodes, RemoteNodeNode);
  root["routes"] = MappingList(config.routes, RouteNode);
  root["workers"]["cores"] = config.workers.cores;
  root["workers"]["cores"].SetStyle(YAML::EmitterStyle::Flow);
  root["idle"]["mode"] = std::string(ToString(config.idle.mode));
  root["idle"]["max_sleep"] = absl::FormatDuration(config.idle.max_sleep);
  root["limits"]["arp_per_second"] = config.limits.arp_per_second;
  root["limits"]["icmp_errors_per_second"] = config.limits.icmp_errors_per_second;
  root["limits"]["announcements_per_second"] = config.limits.announcements_per_second;
  root["limits"]["adjacencies"] = config.limits.adjacencies;
  root["memory"]["file_prefix"] = config.file_prefix;
  root["memory"]["buffers"] = config.buffers;
  root["memory"]["hugepages_mb"] = config.hugepage_memory_mb;
  return YAML::Dump(root) + "\n";
}

}  // namespace podwarp
