#include "control/changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/desired_state.h"

namespace podwarp {
namespace {

// Of one kind of object, in the order of their keys.
struct Differences {
  std::vector<Change> gone;
  std::vector<Change> changed;
  std::vector<Change> come;
};

template <typename T>
Differences DifferencesBetween(const DesiredState& before, const DesiredState& after) {
  const auto& old_entries = before.entries<T>();
  const auto& new_entries = after.entries<T>();
  Differences differences;
  auto old_entry = old_entries.begin();
  auto new_entry = new_entries.begin();
  while (old_entry != old_entries.end() || new_entry != new_entries.end()) {
    if (new_entry == new_entries.end() ||
        (old_entry != old_entries.end() && old_entry->first < new_entry->first)) {
      differences.gone.push_back({.before = old_entry->second.object, .after = std::nullopt});
      ++old_entry;
    } else if (old_entry == old_entries.end() || new_entry->first < old_entry->first) {
      differences.come.push_back({.before = std::nullopt, .after = new_entry->second.object});
      ++new_entry;
    } else {
      const T& old_object = (old_entry++)->second.object;
      const T& new_object = (new_entry++)->second.object;
      if (old_object == new_object) continue;
      differences.changed.push_back({.before = old_object, .after = new_object});
    }
  }
  return differences;
}

// Nodes that are at an address which another is to have.
std::vector<Change> TakeThoseThatGiveUpAddresses(Differences* nodes) {
  std::set<Ipv4Address> wanted;
  for (const std::vector<Change>* some : {&nodes->changed, &nodes->come}) {
    for (const Change& change : *some) {
      const auto& node = std::get<RemoteNodeConfig>(*change.after);
      if (node.underlay_address.has_value()) wanted.insert(*node.underlay_address);
    }
  }
  const auto stay =
      std::stable_partition(nodes->gone.begin(), nodes->gone.end(), [&](const Change& change) {
        const auto& address = std::get<RemoteNodeConfig>(*change.before).underlay_address;
        return !address.has_value() || !wanted.contains(*address);
      });
  std::vector<Change> taken(std::make_move_iterator(stay),
                            std::make_move_iterator(nodes->gone.end()));
  nodes->gone.erase(stay, nodes->gone.end());
  return taken;
}

// Services that get another address, which may be one that another has until its turn comes, go and
// come.
void SplitMoves(Differences* services) {
  std::erase_if(services->changed, [&](Change& change) {
    if (std::get<ServiceConfig>(*change.before).address ==
        std::get<ServiceConfig>(*change.after).address) {
      return false;
    }
    services->gone.push_back({.before = std::move(change.before), .after = std::nullopt});
    services->come.push_back({.before = std::nullopt, .after = std::move(change.after)});
    return true;
  });
}

// Who is to have which external address and node port.
class Takers {
 public:
  void Add(const std::vector<Change>& services) {
    for (const Change& change : services) {
      const auto& service = std::get<ServiceConfig>(*change.after);
      const std::string name = service.full_name();
      for (const Ipv4Address address : service.external_addresses) addresses_[address] = name;
      for (const ServicePortConfig& port : service.ports) {
        if (port.node_port != 0) node_ports_[{port.protocol, port.node_port}] = name;
      }
    }
  }

  // The service without what another is to have.
  ServiceConfig Leave(ServiceConfig service) const {
    const auto is_anothers = [name = service.full_name()](const auto& takers, const auto& thing) {
      const auto taker = takers.find(thing);
      return taker != takers.end() && taker->second != name;
    };
    std::erase_if(service.external_addresses,
                  [&](Ipv4Address address) { return is_anothers(addresses_, address); });
    for (ServicePortConfig& port : service.ports) {
      if (is_anothers(node_ports_, std::pair(port.protocol, port.node_port))) port.node_port = 0;
    }
    return service;
  }

 private:
  std::map<Ipv4Address, std::string> addresses_;
  std::map<std::pair<uint8_t, uint16_t>, std::string> node_ports_;
};

// Services that have an external address or a node port which another is to have let go of it
// first, and keep the rest with its connections.
std::vector<Change> TakeHandovers(Differences* services) {
  Takers takers;
  takers.Add(services->changed);
  takers.Add(services->come);
  std::vector<Change> handovers;
  for (Change& change : services->changed) {
    const Object left = takers.Leave(std::get<ServiceConfig>(*change.before));
    if (left == *change.before) continue;
    handovers.push_back({.before = std::exchange(change.before, left), .after = left});
  }
  // One that only lets go is changed by that.
  std::erase_if(services->changed,
                [](const Change& change) { return change.before == change.after; });
  return handovers;
}

void Append(std::vector<Change> from, std::vector<Change>* to) {
  std::move(from.begin(), from.end(), std::back_inserter(*to));
}

}  // namespace

std::string Describe(const Change& change) {
  const Object& object = change.after.has_value() ? *change.after : *change.before;
  const char* what = !change.before.has_value() ? "comes"
                     : change.after.has_value() ? "changes"
                                                : "goes";
  return absl::StrCat(std::string(ToString(KindOf(object))), " ", KeyOf(object), " ", what);
}

std::vector<Change> ChangesBetween(const DesiredState& before, const DesiredState& after) {
  Differences pods = DifferencesBetween<PodConfig>(before, after);
  Differences nodes = DifferencesBetween<RemoteNodeConfig>(before, after);
  Differences routes = DifferencesBetween<RouteConfig>(before, after);
  Differences services = DifferencesBetween<ServiceConfig>(before, after);
  SplitMoves(&services);
  std::vector<Change> changes;
  Append(TakeThoseThatGiveUpAddresses(&nodes), &changes);
  Append(std::move(nodes.changed), &changes);
  Append(std::move(nodes.come), &changes);
  Append(std::move(routes.changed), &changes);
  Append(std::move(routes.come), &changes);
  Append(std::move(pods.gone), &changes);
  Append(std::move(pods.changed), &changes);
  Append(std::move(pods.come), &changes);
  Append(std::move(routes.gone), &changes);
  Append(std::move(nodes.gone), &changes);
  Append(std::move(services.gone), &changes);
  Append(TakeHandovers(&services), &changes);
  Append(std::move(services.changed), &changes);
  Append(std::move(services.come), &changes);
  return changes;
}

absl::Status CheckReloadable(const Config& running, const Config& read) {
  std::vector<std::string> differ;
  const auto compare = [&](const char* key, const auto& a, const auto& b) {
    if (!(a == b)) differ.push_back(key);
  };
  compare("node_name", running.node_name, read.node_name);
  compare("virtual_mac", running.virtual_mac, read.virtual_mac);
  compare("gateway", running.gateway, read.gateway);
  compare("pod_ranges", running.pod_ranges, read.pod_ranges);
  compare("node_pod_ranges", running.node_pod_ranges, read.node_pod_ranges);
  compare("service_ranges", running.service_ranges, read.service_ranges);
  compare("reserved_addresses", running.reserved_addresses, read.reserved_addresses);
  compare("hairpin_address", running.hairpin_address, read.hairpin_address);
  compare("uplinks", running.uplinks, read.uplinks);
  compare("host_port", running.host_port, read.host_port);
  compare("connections", running.connections, read.connections);
  compare("api", running.api, read.api);
  compare("metrics", running.metrics, read.metrics);
  compare("kubernetes", running.kubernetes, read.kubernetes);
  compare("workers", running.workers, read.workers);
  compare("idle", running.idle, read.idle);
  compare("limits", running.limits, read.limits);
  compare("memory.file_prefix", running.file_prefix, read.file_prefix);
  compare("memory.buffers", running.buffers, read.buffers);
  compare("memory.hugepages_mb", running.hugepage_memory_mb, read.hugepage_memory_mb);
  if (differ.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(absl::StrJoin(differ, ", "), differ.size() == 1 ? " differs" : " differ",
                   " from what podwarp was started with, and can be changed by a restart only"));
}

}  // namespace podwarp
