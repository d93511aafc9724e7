#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config_checks.h"
#include "control/near_miss.h"
#include "port/vhost_limits.h"

namespace podwarp {
namespace {

// The names that others may refer to, in order.
struct Names {
  std::vector<std::string> sorted;
  bool complete = true;  // none is unusable
};

template <typename T>
Names NamesOf(const std::string& list, const std::vector<T>& named, const ConfigFaults& faults) {
  Names names;
  names.complete = !named.empty() || faults.Usable(list);
  for (size_t i = 0; i < named.size(); ++i) {
    names.complete = names.complete && faults.Usable(KeyOf(list, i, "name"));
    names.sorted.push_back(named[i].name);
  }
  std::sort(names.sorted.begin(), names.sorted.end());
  return names;
}

// `kind` is "uplink" or "node".
void CheckNamed(const std::string& key, const std::string& name, std::string_view kind,
                const Names& names, ConfigFaults* faults) {
  if (!names.complete || std::binary_search(names.sorted.begin(), names.sorted.end(), name)) {
    return;
  }
  faults->Add(key, absl::StrCat("no ", std::string(kind), " is called '", name, "'",
                                DidYouMean(name, names.sorted)));
}

void CountVhostUser(const std::string& key, const std::string& pod, const VhostUserPortConfig& port,
                    unsigned* places, ConfigFaults* faults) {
  *places += VhostPlaces(port.server);
  if (*places > kVhostPlaces && *places - VhostPlaces(port.server) <= kVhostPlaces) {
    faults->Add(key, absl::StrCat("pod ", pod, " has one vhost-user port too many: there can be ",
                                  kVhostPlaces, " in client mode, or half as many in server mode"));
  }
}

void CheckVhostUserPorts(const Config& config, ConfigFaults* faults) {
  unsigned places = 0;
  for (size_t i = 0; i < config.pods.size(); ++i) {
    const auto* port = std::get_if<VhostUserPortConfig>(&config.pods[i].port);
    if (port == nullptr) continue;
    CountVhostUser(KeyOf("pods", i, "port.vhost_user"), config.pods[i].full_name(), *port, &places,
                   faults);
  }
}

}  // namespace

void CheckUplink(const Config& settings, const RemoteNodeConfig& remote, const std::string& key,
                 ConfigFaults* faults) {
  if (settings.uplinks.empty()) return;
  const Names uplinks = NamesOf("uplinks", settings.uplinks, *faults);
  CheckNamed(Within(key, "uplink"), remote.uplink, "uplink", uplinks, faults);
}

void CheckReferences(const Config& config, ConfigFaults* faults) {
  const Names nodes = NamesOf("nodes", config.nodes, *faults);
  if (!config.nodes.empty() && config.uplinks.empty() && faults->Usable("uplinks")) {
    faults->Add("nodes", "needs an uplink by which the nodes are reached; add it to uplinks");
  }
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    CheckAlone(config.nodes[i], KeyOf("nodes", i), faults);
    CheckUplink(config, config.nodes[i], KeyOf("nodes", i), faults);
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    CheckNamed(KeyOf("routes", i, "node"), config.routes[i].node, "node", nodes, faults);
  }
  for (size_t i = 0; i < config.pods.size(); ++i) {
    CheckAlone(config.pods[i], KeyOf("pods", i), faults);
  }
  for (size_t i = 0; i < config.services.size(); ++i) {
    CheckAlone(config.services[i], KeyOf("services", i), faults);
  }
  CheckVhostUserPorts(config, faults);
}

}  // namespace podwarp
