#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "control/config.h"
#include "control/object_json.h"
#include "control/yaml_document.h"

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

template <typename T>
YAML::Node ObjectList(const std::vector<T>& objects) {
  YAML::Node list(YAML::NodeType::Sequence);
  for (const T& object : objects) list.push_back(ToYamlNode(ToJson(object)));
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
  root["uplinks"] = YAML::Node(YAML::NodeType::Sequence);
  for (const UplinkConfig& uplink : config.uplinks) root["uplinks"].push_back(UplinkNode(uplink));
  if (config.host_port.has_value()) {
    root["host_port"]["interface"] = config.host_port->interface;
    root["host_port"]["address"] = config.host_port->address.ToString();
    root["host_port"]["masquerade"] = config.host_port->masquerade;
  }
  root["pods"] = ObjectList(config.pods);
  root["nodes"] = ObjectList(config.nodes);
  root["routes"] = ObjectList(config.routes);
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
