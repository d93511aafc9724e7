// The pods of a cluster, or of this node only: their names, those of this node that get other
// addresses, and routes to those that run elsewhere than their address says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "control/config.h"
#include "control/objects.h"
#include "kubernetes/cluster_nodes.h"
#include "kubernetes/known_objects.h"
#include "kubernetes/objects.h"

namespace podwarp {

// A pod of this node, and the addresses that it has now.
struct PodMove {
  std::string pod;  // "default/web-1"
  std::vector<Ipv4Address> addresses;

  friend bool operator==(const PodMove&, const PodMove&) = default;
};

// One thread, or under its owner's mutex.
class ClusterPods {
 public:
  // Both outlive it. Without `has_routes` there are none.
  ClusterPods(const Config* settings, const ClusterNodes* nodes, bool has_routes);

  // What the server has.
  KnownObjects<KubePod>& objects() { return pods_; }
  const KnownObjects<KubePod>& objects() const { return pods_; }

  // The node came or went, or has other ranges.
  void Recheck(const std::string& node);

  // What is other than it was when it was last taken.
  struct Taken {
    std::vector<Edit> gone, here;
  };
  // REQUIRES: objects() and the nodes have synced.
  Taken TakeRoutes();
  // Pods of this node whose addresses are others than those told last or, if none were, than those
  // seen first. Never those of the host's network, finished ones, or without an address.
  std::vector<PodMove> TakeMoves();

  // Whose address it is: empty if it is nobody's, or only of pods that are finished.
  std::string At(Ipv4Address address) const;

  // Why no route leads to an address, by address.
  const std::map<Ipv4Address, std::string>& sentences() const { return sentences_; }

 private:
  void Changed(const std::string& key, const KubePod* before, const KubePod* after);
  void ChangedHere(const std::string& key, const KubePod* after);
  void MarkDirty(Ipv4Address address);
  // The node that a route for the address has to lead to.
  std::optional<std::string> RouteOf(Ipv4Address address);

  const Config& settings_;
  const ClusterNodes& nodes_;
  const bool has_routes_;
  KnownObjects<KubePod> pods_;
  absl::flat_hash_map<Ipv4Address, std::vector<std::string>> at_;  // nearly always one
  absl::flat_hash_map<std::string, std::vector<Ipv4Address>> told_;
  absl::flat_hash_set<std::string> moved_;
  // With routes only:
  absl::flat_hash_map<std::string, absl::flat_hash_set<std::string>> on_node_;
  absl::flat_hash_map<Ipv4Address, std::string> given_;  // -> node
  absl::flat_hash_set<Ipv4Address> dirty_;
  std::map<Ipv4Address, std::string> sentences_;
};

}  // namespace podwarp
