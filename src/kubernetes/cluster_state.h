// What a Kubernetes API server has of nodes, pods, services and endpoint slices, and what this node
// is to be told of it: only what is other than it was told last.
//
// Nothing is said of a kind before all of what it depends on was listed once, and nothing goes but
// by a list that was completed or a watch. What is kept grows with what the server has, never with
// what it had.
//
// Thread rule: any thread. A change costs what its own object costs: a service with 5,000 endpoints
// some milliseconds.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/objects.h"
#include "kubernetes/cluster_nodes.h"
#include "kubernetes/cluster_pods.h"
#include "kubernetes/cluster_services.h"
#include "kubernetes/objects.h"
#include "kubernetes/resource_sink.h"

namespace podwarp {

class ClusterState {
 public:
  // The settings count, not the pods, nodes, routes and services of the configuration. With
  // `watch_all_pods` there are routes, for the pods of other nodes.
  ClusterState(const Config& settings, bool watch_all_pods);

  ResourceSink* nodes() { return &node_sink_; }
  ResourceSink* pods() { return &pod_sink_; }
  ResourceSink* services() { return &service_sink_; }
  ResourceSink* slices() { return &slice_sink_; }

  // What is other than it was when it was last taken, in an order in which it can be made: what
  // goes makes room for what comes, and nodes come before the routes to them.
  std::vector<Edit> TakeEdits();
  std::vector<PodMove> TakePodMoves();

  // This node's own, if the server has it.
  std::optional<KubeNode> OwnNode() const;
  // "default/web-1"; empty if the address is no pod's that is known.
  std::string PodAt(Ipv4Address address) const;
  std::vector<DuplicateMac> DuplicateMacs() const;
  // What is wrong, a sentence each, up to `limit`; one more says how many there are besides.
  std::vector<std::string> Problems(size_t limit = 100) const;

  struct Counts {
    size_t nodes = 0, pods = 0, services = 0, slices = 0;
  };
  Counts Objects() const;
  // All kinds were listed once.
  bool HasSynced() const;

 private:
  template <typename T>
  class Sink final : public ResourceSink {
   public:
    Sink(ClusterState* state, KnownObjects<T>* objects, T (*parse)(const nlohmann::json&))
        : state_(*state), objects_(*objects), parse_(parse) {}

    void BeginList() override {
      const std::lock_guard lock(state_.mutex_);
      objects_.BeginList();
    }
    void EndList() override {
      const std::lock_guard lock(state_.mutex_);
      objects_.EndList();
    }
    void Put(const nlohmann::json& object) override {
      const std::string key = KubeKeyOf(object);
      if (key.empty()) return;
      T parsed = parse_(object);
      const std::lock_guard lock(state_.mutex_);
      objects_.Put(key, std::move(parsed));
    }
    void Delete(const nlohmann::json& object) override {
      const std::lock_guard lock(state_.mutex_);
      objects_.Delete(KubeKeyOf(object));
    }

   private:
    ClusterState& state_;
    KnownObjects<T>& objects_;
    T (*const parse_)(const nlohmann::json&);
  };

  bool CanTakeServices() const;
  bool CanTakeRoutes() const;

  const Config settings_;
  mutable std::mutex mutex_;
  // Under mutex_.
  ClusterNodes nodes_;
  ClusterPods pods_;
  ClusterServices services_;

  Sink<KubeNode> node_sink_;
  Sink<KubePod> pod_sink_;
  Sink<KubeService> service_sink_;
  Sink<KubeSlice> slice_sink_;
};

}  // namespace podwarp
