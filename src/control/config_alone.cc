// What must hold within one object.
#include <string>

#include "control/config_checks.h"

namespace podwarp {
void CheckAlone(const PodConfig& pod, const std::string& key, ConfigFaults* faults) {
  if (pod.addresses.empty()) faults->Add(Within(key, "addresses"), "needs at least one address");
  const auto* port = std::get_if<VhostUserPortConfig>(&pod.port);
  if (port == nullptr || port->server) return;
  // A peer makes the socket itself, and decides about its rights.
  const bool has_rights = port->socket_mode.has_value() || !port->group.empty();
  if (has_rights && faults->Usable(Within(key, "port.vhost_user.mode"))) {
    faults->Add(
        Within(key, port->group.empty() ? "port.vhost_user.socket_mode" : "port.vhost_user.group"),
        "is for mode: server only; in client mode the peer makes the socket");
  }
}

void CheckAlone(const RemoteNodeConfig& remote, const std::string& key, ConfigFaults* faults) {
  if (!remote.virtual_mac.has_value() && !remote.underlay_address.has_value() &&
      faults->Usable(Within(key, "virtual_mac")) &&
      faults->Usable(Within(key, "underlay_address"))) {
    faults->Add(key, "needs virtual_mac, or underlay_address to ask for it on the wire");
  }
  if (remote.pod_ranges.empty()) {
    faults->Add(Within(key, "pod_ranges"), "needs at least one range");
  }
}

void CheckAlone(const RouteConfig& /*route*/, const std::string& /*key*/,
                ConfigFaults* /*faults*/) {}

}  // namespace podwarp
