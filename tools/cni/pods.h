// The pods that CNI attaches, in podwarp's API. What is theirs is told by their `sandbox`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "api_client.h"
#include "attachment.h"
#include "network_config.h"

namespace podwarp::cni {

// A pod as podwarp shows it: {"key", "origin", "object", "status"}.
struct Pod {
  PodKey key;
  std::optional<Sandbox> sandbox;  // none: not by CNI
  std::string mac;
  int mtu_bytes = 0;
  std::vector<std::string> addresses;  // without lengths
  std::string netns;                   // where its tap is
  std::string interface;
  bool up = false;
  std::string why_down;
};

// Throws CniError 101 if it isn't one.
Pod ParsePod(const Json& item);

// Each call throws as ApiClient and StateLock do.
class Pods {
 public:
  explicit Pods(const NetworkConfig& config) : api_(config.socket), lock_(config.lock) {}

  // The pod is there as `body` says. It may take the place of the same pod's in an older sandbox,
  // which Kubernetes makes anew after a fault. Throws CniError 102 if its name is somebody else's.
  void Put(const PodKey& key, const Sandbox& sandbox, const Json& body);
  // Deletes the pod if it is this sandbox's. Returns whether it was.
  bool Delete(const PodKey& key, const Sandbox& sandbox);

  std::optional<Pod> Find(const PodKey& key);
  std::vector<Pod> List();
  // Returns when the pod's port is up, or after `patience` with the pod as it is then. None if
  // there is no such pod.
  std::optional<Pod> AwaitUp(const PodKey& key, std::chrono::milliseconds patience);

  ApiClient& api() { return api_; }

 private:
  ApiClient api_;
  const std::string lock_;
};

}  // namespace podwarp::cni
