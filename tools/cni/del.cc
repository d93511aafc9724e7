// DEL: the pod first, its address last, so that nobody is given it while it is in use.
//
// If podwarp doesn't answer, the pod would come back with it, out of podwarp's state: the runtime
// is told to try again (11). Only where podwarp has neither a socket nor a state, because it was
// removed from the machine, can nothing of the pod be left.
#include <filesystem>

#include "attachment.h"
#include "ipam.h"
#include "pods.h"
#include "verbs.h"
#include "vhost_folder.h"

namespace podwarp::cni {
namespace {

// Its key may be another: CNI_ARGS need not be given to DEL.
std::optional<PodKey> KeyBySandbox(Pods& pods, const Sandbox& sandbox) {
  for (const Pod& pod : pods.List()) {
    if (pod.sandbox == sandbox) return pod.key;
  }
  return std::nullopt;
}

bool IsThere(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || error;
}

void DeletePod(const Call& call) {
  const Sandbox sandbox = SandboxOf(call.request, call.config);
  Pods pods(call.config);
  if (pods.Delete(KeyOf(call.request), sandbox)) return;
  const std::optional<PodKey> key = KeyBySandbox(pods, sandbox);
  if (key.has_value()) pods.Delete(*key, sandbox);
}

}  // namespace

void Del(const Call& call) {
  const NetworkConfig& config = call.config;
  try {
    DeletePod(call);
  } catch (const CniError& error) {
    if (error.code() != kTryAgainLater || IsThere(config.socket) || IsThere(config.state)) throw;
  }
  if (config.is_vhost_user) {
    VhostFolder(config, call.request.container_id, call.request.interface).Remove();
  }
  Ipam(call.request, config, call.environment).Run("DEL");
}

}  // namespace podwarp::cni
