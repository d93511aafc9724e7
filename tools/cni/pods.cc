#include "pods.h"

#include <algorithm>
#include <thread>

#include "state_lock.h"

namespace podwarp::cni {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFirstPause = std::chrono::milliseconds(5);
constexpr auto kLongestPause = std::chrono::milliseconds(200);

PodKey ParseKey(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return {.pod_namespace = "", .name = text};
  return {.pod_namespace = text.substr(0, slash), .name = text.substr(slash + 1)};
}

// Whether `now` may take the place of what is there.
bool IsOlder(const Pod& there, const Sandbox& now) {
  return there.sandbox.has_value() && there.sandbox->interface == now.interface;
}

}  // namespace

Pod ParsePod(const Json& item) {
  try {
    const Json& object = item.at("object");
    Pod pod{.key = ParseKey(item.at("key").get<std::string>()),
            .sandbox = Sandbox::Parse(object.value("sandbox", "")),
            .mac = object.value("mac", ""),
            .mtu_bytes = object.value("mtu", 0),
            .addresses = object.at("addresses").get<std::vector<std::string>>()};
    if (object.contains("port") && object["port"].contains("tap")) {
      pod.netns = object["port"]["tap"].value("netns", "");
      pod.interface = object["port"]["tap"].value("interface", "");
    }
    const Json status = item.value("status", Json());
    if (!status.is_object()) return pod;
    pod.up = status.value("up", false);
    pod.why_down = status.value("why_down", status.value("shadowed", ""));
    return pod;
  } catch (const Json::exception& error) {
    throw CniError(kRefused, "podwarp's answer is no pod", error.what());
  }
}

void Pods::Put(const PodKey& key, const Sandbox& sandbox, const Json& body) {
  const StateLock lock(lock_);
  const std::optional<Pod> there = Find(key);
  if (there.has_value() && !IsOlder(*there, sandbox)) {
    throw CniError(kTaken, "the pod's name is taken",
                   "pod " + key.text() + " is there already, " +
                       (there->sandbox.has_value() ? "attached as " + there->sandbox->text()
                                                   : "and not attached by CNI"));
  }
  api_.Put(key.path(), body);
}

bool Pods::Delete(const PodKey& key, const Sandbox& sandbox) {
  const StateLock lock(lock_);
  const std::optional<Pod> there = Find(key);
  if (!there.has_value() || there->sandbox != sandbox) return false;
  api_.Delete(key.path());
  return true;
}

std::optional<Pod> Pods::Find(const PodKey& key) {
  const std::optional<Json> item = api_.Find(key.path());
  if (!item.has_value()) return std::nullopt;
  return ParsePod(*item);
}

std::vector<Pod> Pods::List() {
  std::vector<Pod> pods;
  for (const Json& item : api_.List("/v1/pods")) pods.push_back(ParsePod(item));
  return pods;
}

std::optional<Pod> Pods::AwaitUp(const PodKey& key, std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  for (std::chrono::milliseconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    std::optional<Pod> pod = Find(key);
    if (!pod.has_value() || pod->up || Clock::now() >= deadline) return pod;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace podwarp::cni
