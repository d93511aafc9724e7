#include "kubernetes/cluster_pods.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

// A finished pod's addresses may be another's by now, and those of the host's network are the
// node's.
bool HasItsAddresses(const KubePod& pod) { return !pod.host_network && !pod.is_finished; }

bool IsInOne(const std::vector<Ipv4Prefix>& ranges, Ipv4Address address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Ipv4Prefix& range) { return range.Contains(address); });
}

}  // namespace

ClusterPods::ClusterPods(const Config* settings, const ClusterNodes* nodes, bool has_routes)
    : settings_(*settings),
      nodes_(*nodes),
      has_routes_(has_routes),
      pods_([this](const auto&... change) { Changed(change...); }) {}

void ClusterPods::Changed(const std::string& key, const KubePod* before, const KubePod* after) {
  if (before != nullptr && HasItsAddresses(*before)) {
    for (const Ipv4Address address : before->ips) {
      std::vector<std::string>& pods = at_[address];
      std::erase(pods, key);
      if (pods.empty()) at_.erase(address);
      MarkDirty(address);
    }
  }
  if (after != nullptr && HasItsAddresses(*after)) {
    for (const Ipv4Address address : after->ips) {
      at_[address].push_back(key);
      MarkDirty(address);
    }
  }
  if (has_routes_ && before != nullptr) {
    const auto pods = on_node_.find(before->node);
    pods->second.erase(key);
    if (pods->second.empty()) on_node_.erase(pods);
  }
  if (has_routes_ && after != nullptr) on_node_[after->node].insert(key);
  ChangedHere(key, after);
}

void ClusterPods::ChangedHere(const std::string& key, const KubePod* after) {
  if (after == nullptr || after->node != settings_.node_name || !HasItsAddresses(*after)) {
    told_.erase(key);
    moved_.erase(key);
    return;
  }
  if (after->ips.empty()) {
    moved_.erase(key);
    return;
  }
  // At first sight Kubernetes has its addresses from whoever gave them to the pod, or still those
  // of before a start of the machine: only what changes is news.
  const auto [told, is_first] = told_.try_emplace(key, after->ips);
  if (is_first || told->second == after->ips) {
    moved_.erase(key);
  } else {
    moved_.insert(key);
  }
}

void ClusterPods::MarkDirty(Ipv4Address address) {
  if (!has_routes_) return;
  if (at_.contains(address) || given_.contains(address)) {
    dirty_.insert(address);
  } else {  // one that came and went unseen leaves nothing
    dirty_.erase(address);
    sentences_.erase(address);
  }
}

void ClusterPods::Recheck(const std::string& node) {
  const auto pods = on_node_.find(node);
  if (pods == on_node_.end()) return;
  for (const std::string& key : pods->second) {
    for (const Ipv4Address address : pods_.Find(key)->ips) MarkDirty(address);
  }
}

std::string ClusterPods::At(Ipv4Address address) const {
  const auto pods = at_.find(address);
  if (pods == at_.end()) return "";
  // While one goes and another has its address already, it is the other's.
  const auto rank = [this](const std::string& key) {
    const KubePod& pod = *pods_.Find(key);
    return std::tuple(!pod.is_being_deleted, pod.created, key);
  };
  return *std::max_element(
      pods->second.begin(), pods->second.end(),
      [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
}

std::optional<std::string> ClusterPods::RouteOf(Ipv4Address address) {
  sentences_.erase(address);
  const std::string key = At(address);
  if (key.empty()) return std::nullopt;
  const std::string& node = pods_.Find(key)->node;
  const RemoteNodeConfig* remote = nodes_.Given(node);
  if (remote == nullptr || IsInOne(remote->pod_ranges, address)) return std::nullopt;
  if (!settings_.pod_ranges.empty() && !IsInOne(settings_.pod_ranges, address)) {
    sentences_[address] = absl::StrCat("pod ", key, ": no route leads to ", address.ToString(),
                                       " on node ", node, ": it is outside pod_ranges");
    return std::nullopt;
  }
  return node;
}

ClusterPods::Taken ClusterPods::TakeRoutes() {
  std::vector<Ipv4Address> addresses(dirty_.begin(), dirty_.end());
  std::sort(addresses.begin(), addresses.end());
  dirty_.clear();
  Taken taken;
  for (const Ipv4Address address : addresses) {
    const std::optional<std::string> node = RouteOf(address);
    const auto given = given_.find(address);
    const bool was_given = given != given_.end();
    if (node.has_value() ? was_given && given->second == *node : !was_given) continue;
    const RouteConfig route{Ipv4Prefix::Host(address), node.value_or("")};
    const std::string key = route.prefix.ToString();
    // A node can't go while a route leads to it.
    if (was_given && (!node.has_value() || nodes_.Given(given->second) == nullptr)) {
      taken.gone.push_back({ObjectKind::kRoute, key, std::nullopt});
    }
    if (node.has_value()) {
      given_[address] = *node;
      taken.here.push_back({ObjectKind::kRoute, key, route});
    } else {
      given_.erase(given);
    }
  }
  return taken;
}

std::vector<PodMove> ClusterPods::TakeMoves() {
  std::vector<PodMove> moves;
  for (const std::string& key : moved_) {
    const std::vector<Ipv4Address>& addresses = pods_.Find(key)->ips;
    told_[key] = addresses;
    moves.push_back({key, addresses});
  }
  moved_.clear();
  std::sort(moves.begin(), moves.end(),
            [](const PodMove& a, const PodMove& b) { return a.pod < b.pod; });
  return moves;
}

}  // namespace podwarp
