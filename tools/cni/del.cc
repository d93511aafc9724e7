// DEL: the pod first, its address last, so that nobody is given it while it is in use.
//
// If podwarp doesn't answer, the pod would come back with it, out of podwarp's state: the runtime
// is told to try again (11). Only where podwarp has neither a socket nor a state, because it was
// removed from the machine, can nothing of the pod be left.
#include <filesystem>

#include "attachment.h"
#include "ipam.h"
#include "pod_netns.h"
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

void DeletePod(Pods& pods, const Call& call) {
  const Sandbox sandbox = SandboxOf(call.request, call.config);
  if (pods.Delete(KeyOf(call.request), sandbox)) return;
  const std::optional<PodKey> key = KeyBySandbox(pods, sandbox);
  if (key.has_value()) pods.Delete(*key, sandbox);
}

bool IsInterfaceThere(const Request& request) {
  if (request.netns.empty()) return false;
  try {
    return FindInterface(request.netns, request.interface).has_value();
  } catch (const CniError& error) {
    if (error.code() == kUnknownContainer) return false;
    throw;
  }
}

// podwarp makes a tap before it keeps the pod, and takes it away with it. One that was killed in
// between knows nothing of the tap any more.
void DeleteLeftTap(const std::vector<Pod>& pods, const Request& request) {
  for (const Pod& pod : pods) {
    if (pod.netns == request.netns && pod.interface == request.interface) return;  // another's
  }
  DeleteTap(request.netns, request.interface);
}

}  // namespace

void Del(const Call& call) {
  const NetworkConfig& config = call.config;
  Pods pods(config);
  bool is_podwarp_there = true;
  try {
    DeletePod(pods, call);
  } catch (const CniError& error) {
    if (error.code() != kTryAgainLater || IsThere(config.socket) || IsThere(config.state)) throw;
    is_podwarp_there = false;
  }
  if (!config.is_vhost_user && IsInterfaceThere(call.request)) {
    DeleteLeftTap(is_podwarp_there ? pods.List() : std::vector<Pod>(), call.request);
  }
  if (config.is_vhost_user) {
    VhostFolder(config, call.request.container_id, call.request.interface).Remove();
  }
  Ipam(call.request, config, call.environment).Run("DEL");
}

}  // namespace podwarp::cni
