// The nodes of a cluster, and what this node is to be told of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "control/config.h"
#include "control/objects.h"
#include "kubernetes/known_objects.h"
#include "kubernetes/objects.h"

namespace podwarp {

// One virtual MAC of several nodes: frames for one of them reach another.
struct DuplicateMac {
  MacAddress mac;
  std::vector<std::string> nodes;  // in order, two or more

  friend bool operator==(const DuplicateMac&, const DuplicateMac&) = default;
};

// One thread, or under its owner's mutex.
class ClusterNodes {
 public:
  // `settings` outlive it.
  explicit ClusterNodes(const Config* settings);

  // What the server has.
  KnownObjects<KubeNode>& objects() { return nodes_; }
  const KnownObjects<KubeNode>& objects() const { return nodes_; }
  // This node's own; null if the server has none of its name.
  const KubeNode* Own() const { return nodes_.Find(settings_.node_name); }

  // What is other than it was when it was last taken.
  struct Taken {
    std::vector<Edit> gone, here;
    std::vector<std::string> moved;      // nodes that came or went, or have other ranges
    std::vector<Ipv4Address> underlays;  // that came or went
  };
  // REQUIRES: objects() has synced.
  Taken Take();

  // As it was last taken; null if it wasn't there.
  const RemoteNodeConfig* Given(const std::string& name) const;
  // One whose underlay address it is; empty if it is nobody's.
  std::string AtUnderlay(Ipv4Address address) const;

  std::vector<DuplicateMac> Duplicates() const;
  // Why nodes are not reached, and what of them can't be read, by node.
  const std::map<std::string, std::vector<std::string>>& sentences() const { return sentences_; }

 private:
  void Changed(const std::string& key, const KubeNode* before, const KubeNode* after);
  void CountMac(const std::optional<MacAddress>& mac, const std::string& name, bool is_there);
  // What the node is now.
  std::optional<RemoteNodeConfig> Understand(const std::string& key);
  void MoveUnderlay(const std::string& key, const std::optional<RemoteNodeConfig>& before,
                    const std::optional<RemoteNodeConfig>& after, Taken* taken);

  const Config& settings_;
  KnownObjects<KubeNode> nodes_;
  absl::flat_hash_map<std::string, RemoteNodeConfig> given_;
  absl::flat_hash_map<Ipv4Address, std::set<std::string>> underlays_;  // of those given
  absl::flat_hash_set<std::string> dirty_;
  absl::flat_hash_map<MacAddress, std::set<std::string>> by_mac_;
  std::set<MacAddress> duplicates_;
  std::map<std::string, std::vector<std::string>> sentences_;
};

}  // namespace podwarp
