// How an attachment is called in podwarp: the pod's key, and its `sandbox`.
#pragma once

#include <optional>
#include <string>

#include "network_config.h"
#include "request.h"

namespace podwarp::cni {

struct PodKey {
  std::string pod_namespace;
  std::string name;

  std::string text() const { return pod_namespace + "/" + name; }
  std::string path() const { return "/v1/pods/" + text(); }

  friend bool operator==(const PodKey&, const PodKey&) = default;
};

// K8S_POD_NAMESPACE and K8S_POD_NAME of CNI_ARGS; without them namespace "default" and the
// container's ID. An interface other than eth0 is a pod of its own, NAME.INTERFACE. What Kubernetes
// wouldn't let a pod be called (podman sends such names) is made to fit, and stays unique.
PodKey KeyOf(const Request& request);

// The pod's `sandbox` says whose it is. Parts have no slash by the specification.
struct Sandbox {
  std::string network;
  std::string container_id;
  std::string interface;

  std::string text() const { return network + "/" + container_id + "/" + interface; }
  // None: not a text of ours.
  static std::optional<Sandbox> Parse(const std::string& text);

  friend bool operator==(const Sandbox&, const Sandbox&) = default;
};

// Throws CniError 4 if it would be longer than podwarp takes.
Sandbox SandboxOf(const Request& request, const NetworkConfig& config);

}  // namespace podwarp::cni
