#include "kubernetes/cluster_nodes.h"

#include <algorithm>
#include <utility>

#include "kubernetes/meaning.h"

namespace podwarp {

ClusterNodes::ClusterNodes(const Config* settings)
    : settings_(*settings), nodes_([this](const auto&... change) { Changed(change...); }) {
  // Of our own node our settings count: its annotation may be what an earlier start wrote.
  CountMac(settings_.virtual_mac, settings_.node_name, true);
}

void ClusterNodes::Changed(const std::string& key, const KubeNode* before, const KubeNode* after) {
  if (key == settings_.node_name) return;
  if (before != nullptr) CountMac(before->virtual_mac, key, false);
  if (after != nullptr) CountMac(after->virtual_mac, key, true);
  if (after != nullptr || given_.contains(key)) {
    dirty_.insert(key);
  } else {  // one that came and went unseen leaves nothing
    dirty_.erase(key);
    sentences_.erase(key);
  }
}

void ClusterNodes::CountMac(const std::optional<MacAddress>& mac, const std::string& name,
                            bool is_there) {
  if (!mac.has_value()) return;
  std::set<std::string>& names = by_mac_[*mac];
  if (is_there) {
    names.insert(name);
  } else {
    names.erase(name);
  }
  if (names.size() > 1) {
    duplicates_.insert(*mac);
  } else {
    duplicates_.erase(*mac);
  }
  if (names.empty()) by_mac_.erase(*mac);
}

std::optional<RemoteNodeConfig> ClusterNodes::Understand(const std::string& key) {
  const KubeNode* node = nodes_.Find(key);
  NodeMeaning meaning;
  if (node != nullptr) meaning = MeaningOf(settings_, *node);
  if (meaning.sentences.empty()) {
    sentences_.erase(key);
  } else {
    sentences_[key] = std::move(meaning.sentences);
  }
  return std::move(meaning.node);
}

ClusterNodes::Taken ClusterNodes::Take() {
  std::vector<std::string> keys(dirty_.begin(), dirty_.end());
  std::sort(keys.begin(), keys.end());
  dirty_.clear();
  Taken taken;
  for (const std::string& key : keys) {
    std::optional<RemoteNodeConfig> before;
    if (const RemoteNodeConfig* given = Given(key)) before = *given;
    std::optional<RemoteNodeConfig> after = Understand(key);
    if (before == after) continue;
    if (!before.has_value() || !after.has_value() || before->pod_ranges != after->pod_ranges) {
      taken.moved.push_back(key);
    }
    MoveUnderlay(key, before, after, &taken);
    if (after.has_value()) {
      given_[key] = *after;
      taken.here.push_back({ObjectKind::kNode, key, *std::move(after)});
    } else {
      given_.erase(key);
      taken.gone.push_back({ObjectKind::kNode, key, std::nullopt});
    }
  }
  return taken;
}

void ClusterNodes::MoveUnderlay(const std::string& key,
                                const std::optional<RemoteNodeConfig>& before,
                                const std::optional<RemoteNodeConfig>& after, Taken* taken) {
  const auto address_of = [](const std::optional<RemoteNodeConfig>& node) {
    return node.has_value() ? node->underlay_address : std::nullopt;
  };
  const std::optional<Ipv4Address> from = address_of(before), to = address_of(after);
  if (from == to) return;
  if (from.has_value()) {
    const auto names = underlays_.find(*from);
    names->second.erase(key);
    if (names->second.empty()) underlays_.erase(names);
    taken->underlays.push_back(*from);
  }
  if (to.has_value()) {
    underlays_[*to].insert(key);
    taken->underlays.push_back(*to);
  }
}

const RemoteNodeConfig* ClusterNodes::Given(const std::string& name) const {
  const auto given = given_.find(name);
  return given == given_.end() ? nullptr : &given->second;
}

std::string ClusterNodes::AtUnderlay(Ipv4Address address) const {
  const auto names = underlays_.find(address);
  return names == underlays_.end() ? "" : *names->second.begin();
}

std::vector<DuplicateMac> ClusterNodes::Duplicates() const {
  std::vector<DuplicateMac> duplicates;
  for (const MacAddress& mac : duplicates_) {
    const std::set<std::string>& nodes = by_mac_.at(mac);
    duplicates.push_back({mac, {nodes.begin(), nodes.end()}});
  }
  return duplicates;
}

}  // namespace podwarp
