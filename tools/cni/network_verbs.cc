// What is asked of the network rather than of one attachment: STATUS, GC and VERSION.
#include <algorithm>
#include <optional>

#include "ipam.h"
#include "pods.h"
#include "verbs.h"
#include "vhost_folder.h"

namespace podwarp::cni {

// podwarp forwards: if it doesn't answer, pods that are there may be cut off too.
void Status(const Call& call) {
  std::string why_not;
  bool is_ready = false;
  try {
    is_ready = ApiClient(call.config.socket).IsReady(&why_not);
  } catch (const CniError& error) {
    if (error.code() != kTryAgainLater) throw;
    throw CniError(kLimitedConnectivity, error.msg(), error.details());
  }
  if (!is_ready) throw CniError(kNotAvailable, "podwarp is not ready", why_not);
  Ipam(call.request, call.config, call.environment).Run("STATUS");
}

// Pods of this network that nobody claims any more. Goes on after a fault; the first is thrown,
// with those that came after it.
void CollectGarbage(const Call& call) {
  const NetworkConfig& config = call.config;
  if (!config.valid_attachments.has_value()) {
    throw CniError(kInvalidConfig, "invalid network configuration",
                   "cni.dev/valid-attachments: is missing; GC would remove every pod");
  }
  std::optional<CniError> fault;
  const auto attempt = [&](auto step) {
    try {
      step();
    } catch (const CniError& error) {
      if (fault.has_value()) {
        fault->AddDetail(error.details());
      } else {
        fault = error;
      }
    }
  };
  Pods pods(config);
  std::vector<Pod> all;
  attempt([&] { all = pods.List(); });
  for (const Pod& pod : all) {
    if (!pod.sandbox.has_value() || pod.sandbox->network != config.name) continue;
    const Sandbox& sandbox = *pod.sandbox;
    if (config.valid_attachments->contains({sandbox.container_id, sandbox.interface})) continue;
    attempt([&] {
      pods.Delete(pod.key, sandbox);
      if (config.is_vhost_user) {
        VhostFolder(config, sandbox.container_id, sandbox.interface).Remove();
      }
    });
  }
  // Addresses of pods that couldn't be deleted are in use.
  if (!fault.has_value()) {
    attempt([&] { Ipam(call.request, config, call.environment).Run("GC"); });
  }
  if (fault.has_value()) throw *fault;
}

Json Version(const Request& request) {
  return {{"cniVersion", request.version}, {"supportedVersions", kVersions}};
}

}  // namespace podwarp::cni
