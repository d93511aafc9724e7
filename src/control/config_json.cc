#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "control/config.h"
#include "control/config_values.h"
#include "control/object_json.h"
#include "control/text_list.h"
#include "control/yaml_document.h"

namespace podwarp {
namespace {

template <typename T>
Document ObjectList(const std::vector<T>& objects) {
  Document list = Document::array();
  for (const T& object : objects) list.push_back(ToJson(object));
  return list;
}

Document UplinkDocument(const UplinkConfig& uplink) {
  Document document = {{"name", uplink.name}};
  if (!uplink.pci_address.empty()) document["pci"] = uplink.pci_address;
  if (!uplink.vdev.empty()) document["vdev"] = uplink.vdev;
  document["queues"] = uplink.queues;
  if (uplink.vlan_id != 0) document["vlan"] = uplink.vlan_id;
  document["mtu"] = uplink.mtu_bytes;
  if (uplink.address.has_value()) {
    document["address"] =
        absl::StrCat(uplink.address->ToString(), "/", uint32_t{uplink.address_prefix_length});
  }
  if (uplink.router.has_value()) document["router"] = uplink.router->ToString();
  document["announce_pods"] = uplink.announce_pods;
  document["announce_services"] = uplink.announce_services;
  return document;
}

Document ApiDocument(const ApiConfig& api) {
  Document document = {{"socket", api.socket}, {"socket_mode", FileModeText(api.socket_mode)}};
  if (!api.group.empty()) document["group"] = api.group;
  document["state"] = api.state_file;
  return document;
}

Document KubernetesDocument(const KubernetesConfig& kubernetes) {
  Document document = Document::object();
  if (!kubernetes.kubeconfig.empty()) document["kubeconfig"] = kubernetes.kubeconfig;
  document["watch_all_pods"] = kubernetes.watch_all_pods;
  return document;
}

}  // namespace

Document ToJson(const Config& config) {
  Document root = Document::object();
  root["node_name"] = config.node_name;
  root["virtual_mac"] = config.virtual_mac.ToString();
  root["gateway"] = {{"address", config.gateway.address.ToString()},
                     {"mac", config.gateway.mac.ToString()}};
  root["pod_ranges"] = TextList(config.pod_ranges);
  root["node_pod_ranges"] = TextList(config.node_pod_ranges);
  root["service_ranges"] = TextList(config.service_ranges);
  root["reserved_addresses"] = TextList(config.reserved_addresses);
  root["hairpin_mode"] = ToString(config.hairpin_mode);
  if (!config.hairpin_address.is_zero()) {
    root["hairpin_address"] = config.hairpin_address.ToString();
  }
  root["uplinks"] = Document::array();
  for (const UplinkConfig& uplink : config.uplinks) {
    root["uplinks"].push_back(UplinkDocument(uplink));
  }
  if (config.host_port.has_value()) {
    Document& host_port = root["host_port"];
    host_port["interface"] = config.host_port->interface;
    if (!config.host_port->address.is_zero()) {
      host_port["address"] = config.host_port->address.ToString();
    }
    host_port["masquerade"] = config.host_port->masquerade;
  }
  root["pods"] = ObjectList(config.pods);
  root["nodes"] = ObjectList(config.nodes);
  root["routes"] = ObjectList(config.routes);
  root["services"] = ObjectList(config.services);
  root["connections"] = {{"capacity", config.connections.capacity},
                         {"tcp_idle", absl::FormatDuration(config.connections.tcp_idle)},
                         {"udp_idle", absl::FormatDuration(config.connections.udp_idle)}};
  if (config.api.has_value()) root["api"] = ApiDocument(*config.api);
  if (config.metrics.has_value()) {
    root["metrics"] = {{"listen", ListenText(*config.metrics)}};
  }
  if (config.kubernetes.has_value()) {
    root["kubernetes"] = KubernetesDocument(*config.kubernetes);
  }
  root["workers"] = {{"cores", config.workers.cores}};
  root["idle"] = {{"mode", ToString(config.idle.mode)},
                  {"max_sleep", absl::FormatDuration(config.idle.max_sleep)}};
  root["limits"] = {{"arp_per_second", config.limits.arp_per_second},
                    {"icmp_errors_per_second", config.limits.icmp_errors_per_second},
                    {"announcements_per_second", config.limits.announcements_per_second},
                    {"adjacencies", config.limits.adjacencies}};
  root["memory"] = {{"file_prefix", config.file_prefix},
                    {"buffers", config.buffers},
                    {"hugepages_mb", config.hugepage_memory_mb}};
  return root;
}

std::string ToYaml(const Config& config) { return YAML::Dump(ToYamlNode(ToJson(config))) + "\n"; }

}  // namespace podwarp
