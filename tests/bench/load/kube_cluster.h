// A large cluster, made up in the shapes that a real API server's objects were recorded in.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "support/kube_objects.h"

namespace podwarp::test {

struct KubeClusterSize {
  int nodes = 5'000;
  int pods = 20'000;
  int services = 10'000;  // with a slice each
  int slice_endpoints = 3;
};

class KubeCluster {
 public:
  static constexpr char kNodes[] = "/api/v1/nodes";
  static constexpr char kPods[] = "/api/v1/pods";
  static constexpr char kServices[] = "/api/v1/services";
  static constexpr char kSlices[] = "/apis/discovery.k8s.io/v1/endpointslices";

  // `recorded` is the folder of the recordings.
  KubeCluster(KubeClusterSize size, const std::string& recorded);

  // Objects by their number, from 0. `turn` differs for an object that has changed.
  nlohmann::json Node(int number) const;
  nlohmann::json Pod(int number, int turn = 0) const;
  nlohmann::json Service(int number) const;
  nlohmann::json Slice(int number, int turn = 0) const;

  // All of it. Gives how many bytes the objects are as JSON.
  size_t Fill(KubeObjects* objects) const;

 private:
  const KubeClusterSize size_;
  nlohmann::json node_, pod_, service_, slice_;
};

}  // namespace podwarp::test
