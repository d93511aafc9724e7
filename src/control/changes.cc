#include "control/changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

// Of one kind of object, in the order of their keys.
struct Differences {
  std::vector<Change> gone;
  std::vector<Change> changed;
  std::vector<Change> come;
};

template <typename T>
Differences DifferencesBetween(const std::vector<T>& before, const std::vector<T>& after) {
  std::map<std::string, std::pair<const T*, const T*>> both;
  for (const T& object : before) both[KeyOf(object)].first = &object;
  for (const T& object : after) both[KeyOf(object)].second = &object;
  Differences differences;
  for (const auto& [key, object] : both) {
    const auto [old_object, new_object] = object;
    if (new_object == nullptr) {
      differences.gone.push_back({.before = *old_object, .after = std::nullopt});
    } else if (old_object == nullptr) {
      differences.come.push_back({.before = std::nullopt, .after = *new_object});
    } else if (!(*old_object == *new_object)) {
      differences.changed.push_back({.before = *old_object, .after = *new_object});
    }
  }
  return differences;
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

std::vector<Change> ChangesBetween(const Config& before, const Config& after) {
  Differences pods = DifferencesBetween(before.pods, after.pods);
  Differences nodes = DifferencesBetween(before.nodes, after.nodes);
  Differences routes = DifferencesBetween(before.routes, after.routes);
  std::vector<Change> changes;
  Append(std::move(nodes.changed), &changes);
  Append(std::move(nodes.come), &changes);
  Append(std::move(routes.changed), &changes);
  Append(std::move(routes.come), &changes);
  Append(std::move(pods.gone), &changes);
  Append(std::move(pods.changed), &changes);
  Append(std::move(pods.come), &changes);
  Append(std::move(routes.gone), &changes);
  Append(std::move(nodes.gone), &changes);
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
  compare("uplinks", running.uplinks, read.uplinks);
  compare("host_port", running.host_port, read.host_port);
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
