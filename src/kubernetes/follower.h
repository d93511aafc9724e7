// Has a node be as a Kubernetes API server says, and keeps there what others need to know of it.
//
// Theory of operation: a Reflector for each kind of objects keeps a ClusterState; one thread takes
// the differences from it, all that have come up in kRound at once, and gives them to the node; and
// one keeps the node's record at the server, which may be slow to answer. While the server is away
// nothing changes: forwarding goes on with what it said last.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "control/config.h"
#include "control/kubernetes_status.h"
#include "control/objects.h"
#include "kubernetes/api_client.h"
#include "kubernetes/cancellation.h"
#include "kubernetes/cluster_state.h"
#include "kubernetes/follower_log.h"
#include "kubernetes/node_record.h"
#include "kubernetes/reflector.h"
#include "kubernetes/refused_edits.h"

namespace podwarp {

// What the node does with it. Called by one thread, one at a time.
struct FollowerActions {
  // A result for each edit, in their order. What is refused is tried again.
  std::function<std::vector<EditResult>(std::span<const Edit>)> apply;
  // This pod of the node has these addresses, and no others. OK if the node doesn't have it.
  std::function<absl::Status(const std::string& pod, const std::vector<Ipv4Address>&)> move_pod;
};

struct FollowerSettings {
  bool watch_all_pods = false;
  // As ReflectorSettings; path and field selector are set here.
  ReflectorSettings reflector;
};

class Follower {
 public:
  // How long changes are gathered, so that a rollout's come together.
  static constexpr absl::Duration kRound = absl::Milliseconds(50);

  // Begins at once. `config` is the node's own, complete. `client` outlives this.
  Follower(const ApiClient* client, const Config& config, FollowerSettings settings,
           FollowerActions actions);
  // Stops.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Returns when all its threads have ended, and no action is under way. Soon, unless an action
  // takes long. Once; by one thread.
  void Stop();

  // Any thread; doesn't wait for actions.
  KubernetesStatus Status() const;
  // "default/web-1": the pod that has this address, as far as pods are watched. Empty if none.
  std::string PodAt(Ipv4Address address) const { return state_.PodAt(address); }

 private:
  struct Watched {
    std::string name;
    size_t ClusterState::Counts::*count;
    std::unique_ptr<Reflector> reflector;
  };

  void Watch(const std::string& path, size_t ClusterState::Counts::*count, ResourceSink* sink,
             const std::string& field_selector = "");
  // The two threads.
  void RunEdits();
  void RunRecord();
  void ApplyEdits();
  void MovePods();
  void NoteForReports();
  std::vector<KubernetesStatus::Resource> Resources() const;

  const ApiClient* const client_;
  const std::string node_name_;
  const MacAddress virtual_mac_;
  const std::vector<Ipv4Prefix> pod_ranges_;
  const FollowerSettings settings_;
  const FollowerActions actions_;
  ClusterState state_;
  NodeRecord record_;
  Cancellation cancellation_;

  // Of the thread of edits.
  RefusedEdits refused_edits_;
  struct RefusedMove {
    std::vector<Ipv4Address> addresses;
    std::string reason;
  };
  absl::btree_map<std::string, RefusedMove> refused_moves_;  // by the pod
  absl::Time next_moves_ = absl::InfinitePast();
  FollowerLog log_;
  absl::Time next_log_ = absl::InfinitePast();

  mutable std::mutex mutex_;
  std::vector<std::string> refused_;  // sentences
  absl::Time last_current_;           // or the beginning

  std::vector<Watched> watched_;
  std::thread edits_thread_;
  std::thread record_thread_;
};

}  // namespace podwarp
