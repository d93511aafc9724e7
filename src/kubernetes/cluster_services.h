// The services of a cluster with their endpoints, and what this node is to be told of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "control/config.h"
#include "control/objects.h"
#include "kubernetes/cluster_nodes.h"
#include "kubernetes/known_objects.h"
#include "kubernetes/objects.h"

namespace podwarp {

// An external address is served for one service: among several that want it, the oldest. A remote
// node that has it comes first.
//
// One thread, or under its owner's mutex.
class ClusterServices {
 public:
  // Both outlive it.
  ClusterServices(const Config* settings, const ClusterNodes* nodes);

  // What the server has.
  KnownObjects<KubeService>& services() { return services_; }
  const KnownObjects<KubeService>& services() const { return services_; }
  KnownObjects<KubeSlice>& slices() { return slices_; }
  const KnownObjects<KubeSlice>& slices() const { return slices_; }

  // Our own node's; services whose endpoints are hinted depend on it.
  void SetZone(const std::string& zone);
  // Another may have the address now.
  void Recheck(Ipv4Address external_address);

  // What is other than it was when it was last taken.
  struct Taken {
    std::vector<Edit> gone, here;
  };
  // REQUIRES: services(), slices() and the nodes have synced.
  Taken Take();

  // What can't be expressed, by service.
  const std::map<std::string, std::vector<std::string>>& sentences() const { return sentences_; }

 private:
  void ServiceChanged(const std::string& key, const KubeService* before, const KubeService* after);
  void SliceChanged(const std::string& key, const KubeSlice* before, const KubeSlice* after);
  void MarkDirty(const std::string& service);
  // What the service is now.
  std::optional<ServiceConfig> Understand(const std::string& key);
  void LeaveTakenAddresses(const std::string& key, ServiceConfig* service,
                           std::vector<std::string>* sentences) const;

  const Config& settings_;
  const ClusterNodes& nodes_;
  KnownObjects<KubeService> services_;
  KnownObjects<KubeSlice> slices_;
  absl::flat_hash_map<std::string, std::set<std::string>> slices_of_;  // by service
  absl::flat_hash_map<std::string, ServiceConfig> given_;
  absl::flat_hash_set<std::string> dirty_;
  // Who wants an external address: the first one gets it.
  absl::flat_hash_map<Ipv4Address, std::set<std::pair<absl::Time, std::string>>> wanted_;
  std::string zone_;
  std::map<std::string, std::vector<std::string>> sentences_;
};

}  // namespace podwarp
