// CHECK: everything is as ADD left it, and what later plugins of the chain made of it.
#include <algorithm>
#include <set>

#include "attachment.h"
#include "ipam.h"
#include "pod_netns.h"
#include "pods.h"
#include "result.h"
#include "verbs.h"

namespace podwarp::cni {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);  // a podwarp that was just started

[[noreturn]] void Differs(const std::string& what) {
  throw CniError(kNotAsAdded, "the attachment is not as it was added", what);
}

std::string Joined(const std::set<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined.empty() ? "none" : joined;
}

void CheckPod(const Call& call, const Expected& expected) {
  const PodKey key = KeyOf(call.request);
  const Sandbox sandbox = SandboxOf(call.request, call.config);
  const std::string name = "pod " + key.text();
  Pods pods(call.config);
  const bool must_be_up = !call.config.is_vhost_user;
  const std::optional<Pod> pod = must_be_up ? pods.AwaitUp(key, kPatience) : pods.Find(key);
  if (!pod.has_value()) Differs(name + " is not there");
  if (pod->sandbox != sandbox) {
    Differs(name + " is attached as " + (pod->sandbox ? pod->sandbox->text() : "nobody's"));
  }
  std::set<std::string> wanted;
  for (const std::string& address : expected.addresses) {
    wanted.insert(address.substr(0, address.find('/')));
  }
  const std::set<std::string> present(pod->addresses.begin(), pod->addresses.end());
  if (present != wanted) Differs(name + " has " + Joined(present) + " for " + Joined(wanted));
  if (must_be_up && !pod->up) Differs(name + " has no port: " + pod->why_down);
}

void CheckInterface(const Request& request, const Expected& expected) {
  const std::string name = request.interface + " in " + request.netns;
  const std::optional<PodInterface> found = FindInterface(request.netns, request.interface);
  if (!found.has_value()) Differs(name + " is not there");
  if (!expected.mac.empty() && found->mac != expected.mac) {
    Differs(name + " has MAC " + found->mac + " for " + expected.mac);
  }
  if (!std::includes(found->addresses.begin(), found->addresses.end(), expected.addresses.begin(),
                     expected.addresses.end())) {
    Differs(name + " has " + Joined(found->addresses) + " for " + Joined(expected.addresses));
  }
  if (expected.has_default_route && !found->has_default_route) {
    Differs(name + " has no default route");
  }
}

}  // namespace

void Check(const Call& call) {
  if (call.config.prev_result.is_null()) {
    throw CniError(kInvalidConfig, "invalid network configuration",
                   "prevResult: is missing; CHECK compares with it");
  }
  const Request& request = call.request;
  const Expected expected = ExpectedOf(call.config.prev_result, request.interface, request.netns);
  Ipam(request, call.config, call.environment).Run("CHECK");
  if (!call.config.is_vhost_user) CheckInterface(request, expected);
  CheckPod(call, expected);
}

}  // namespace podwarp::cni
