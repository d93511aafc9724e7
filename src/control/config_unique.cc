#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config_checks.h"
#include "control/config_values.h"

namespace podwarp {
namespace {

// Values of which each may stand at one key only; the first one keeps it.
template <typename Value>
class Unique {
 public:
  explicit Unique(ConfigFaults* faults) : faults_(faults) {}

  // `text` is the value as messages show it.
  void Add(const std::string& key, const Value& value, const std::string& text) {
    if (!faults_->Usable(key)) return;
    const auto [holder, is_first] = holders_.try_emplace(value, key);
    if (is_first) return;
    faults_->Add(key, absl::StrCat(text, " is taken by ", faults_->Named(holder->second),
                                   "; each needs one of its own"));
  }

  // Takes it without a word: another check has them.
  void Take(const std::string& key, const Value& value) {
    if (faults_->Usable(key)) holders_.try_emplace(value, key);
  }

 private:
  ConfigFaults* const faults_;
  std::map<Value, std::string> holders_;
};

// Names of ports are one space: they label metrics and messages.
void CheckNames(const Config& config, ConfigFaults* faults) {
  Unique<std::string> ports(faults), nodes(faults);
  if (config.host_port.has_value()) {
    ports.Add("host_port.interface", config.host_port->interface, config.host_port->interface);
  }
  for (size_t i = 0; i < config.uplinks.size(); ++i) {
    ports.Add(KeyOf("uplinks", i, "name"), config.uplinks[i].name, config.uplinks[i].name);
  }
  for (size_t i = 0; i < config.pods.size(); ++i) {
    if (!faults->Usable(KeyOf("pods", i, "namespace"))) continue;
    const std::string name = config.pods[i].full_name();
    ports.Add(KeyOf("pods", i, "name"), name, name);
  }
  nodes.Add("node_name", config.node_name, config.node_name);
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    nodes.Add(KeyOf("nodes", i, "name"), config.nodes[i].name, config.nodes[i].name);
  }
}

// An address is what a route leads to: a range of 32 bits.
void CheckAddressesAndRoutes(const Config& config, ConfigFaults* faults) {
  Unique<Ipv4Prefix> taken(faults);
  const auto add = [&](const std::string& key, Ipv4Address address) {
    taken.Add(key, Ipv4Prefix::Host(address), address.ToString());
  };
  add("gateway.address", config.gateway.address);
  if (config.host_port.has_value()) add("host_port.address", config.host_port->address);
  for (size_t i = 0; i < config.reserved_addresses.size(); ++i) {
    add(KeyOf("reserved_addresses", i), config.reserved_addresses[i]);
  }
  for (size_t i = 0; i < config.uplinks.size(); ++i) {
    const std::optional<Ipv4Address>& address = config.uplinks[i].address;
    if (address.has_value()) add(KeyOf("uplinks", i, "address"), *address);
  }
  for (size_t i = 0; i < config.pods.size(); ++i) {
    const std::vector<Ipv4Address>& addresses = config.pods[i].addresses;
    const std::string list = KeyOf("pods", i, "addresses");
    for (size_t j = 0; j < addresses.size(); ++j) add(KeyOf(list, j), addresses[j]);
  }
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    const std::optional<Ipv4Address>& address = config.nodes[i].underlay_address;
    if (address.has_value()) add(KeyOf("nodes", i, "underlay_address"), *address);
    const std::vector<Ipv4Prefix>& ranges = config.nodes[i].pod_ranges;
    const std::string list = KeyOf("nodes", i, "pod_ranges");
    for (size_t j = 0; j < ranges.size(); ++j) taken.Take(KeyOf(list, j), ranges[j]);
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const Ipv4Prefix& prefix = config.routes[i].prefix;
    taken.Add(KeyOf("routes", i, "prefix"), prefix, prefix.ToString());
  }
}

void CheckMacs(const Config& config, ConfigFaults* faults) {
  Unique<MacAddress> taken(faults);
  const auto add = [&](const std::string& key, const MacAddress& mac) {
    if (mac.is_zero()) return;  // was to derive from something unusable
    taken.Add(key, mac, mac.ToString());
  };
  add("virtual_mac", config.virtual_mac);
  if (config.gateway.mac != config.virtual_mac) add("gateway.mac", config.gateway.mac);
  for (size_t i = 0; i < config.pods.size(); ++i) add(KeyOf("pods", i, "mac"), config.pods[i].mac);
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    const std::optional<MacAddress>& mac = config.nodes[i].virtual_mac;
    if (mac.has_value()) add(KeyOf("nodes", i, "virtual_mac"), *mac);
  }
}

void CheckDevices(const Config& config, ConfigFaults* faults) {
  Unique<std::string> devices(faults), sockets(faults);
  Unique<std::pair<std::string, std::string>> taps(faults);
  const auto add_vdev = [&](const std::string& key, const std::string& vdev) {
    devices.Add(key, VdevName(vdev), VdevName(vdev));
  };
  const auto add_tap = [&](const std::string& key, const TapPortConfig& tap) {
    const std::string where = tap.netns.empty() ? "podwarp's own namespace" : tap.netns;
    taps.Add(key, {tap.netns, tap.interface}, absl::StrCat(tap.interface, " in ", where));
  };

  if (config.host_port.has_value()) {
    add_tap("host_port.interface", {.interface = config.host_port->interface, .netns = ""});
  }
  for (size_t i = 0; i < config.uplinks.size(); ++i) {
    const UplinkConfig& uplink = config.uplinks[i];
    if (!uplink.vdev.empty()) add_vdev(KeyOf("uplinks", i, "vdev"), uplink.vdev);
    if (!uplink.pci_address.empty()) {
      devices.Add(KeyOf("uplinks", i, "pci"), uplink.pci_address, uplink.pci_address);
    }
  }
  for (size_t i = 0; i < config.pods.size(); ++i) {
    const PodPortConfig& port = config.pods[i].port;
    const std::string key = KeyOf("pods", i, "port");
    if (const auto* tap = std::get_if<TapPortConfig>(&port)) {
      if (faults->Usable(key)) add_tap(key + ".tap", *tap);
    } else if (const auto* vhost_user = std::get_if<VhostUserPortConfig>(&port)) {
      sockets.Add(key + ".vhost_user.socket", vhost_user->socket, vhost_user->socket);
    } else if (const auto* device = std::get_if<VdevPortConfig>(&port)) {
      add_vdev(key + ".vdev", device->vdev);
    }
  }
}

void CheckCores(const Config& config, ConfigFaults* faults) {
  Unique<uint16_t> taken(faults);
  for (size_t i = 0; i < config.workers.cores.size(); ++i) {
    const uint16_t core = config.workers.cores[i];
    taken.Add(KeyOf("workers.cores", i), core, absl::StrCat("core ", core));
  }
}

}  // namespace

void CheckUnique(const Config& config, ConfigFaults* faults) {
  CheckNames(config, faults);
  CheckAddressesAndRoutes(config, faults);
  CheckMacs(config, faults);
  CheckDevices(config, faults);
  CheckCores(config, faults);
}

}  // namespace podwarp
