// ADD: an address from the IPAM plugin, then the pod in podwarp, then a look whether it is up.
//
// Routes of the IPAM plugin's are passed over: a pod has a default route by podwarp's gateway, and
// podwarp knows the way from there.
#include <functional>
#include <utility>
#include <vector>

#include "attachment.h"
#include "interrupt.h"
#include "ipam.h"
#include "pod_netns.h"
#include "pods.h"
#include "result.h"
#include "verbs.h"
#include "vhost_folder.h"

namespace podwarp::cni {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);  // until a tap is up

// What has been done so far, to be taken back in the opposite order.
class Undo {
 public:
  void Push(std::function<void()> step) { steps_.push_back(std::move(step)); }

  // Stops at a step that fails: what was done before it may still be in use, an address by a pod
  // that couldn't be deleted. The runtime's DEL finds it. The fault is added to `error`.
  void Run(CniError* error) {
    for (; !steps_.empty(); steps_.pop_back()) {
      try {
        steps_.back()();
      } catch (const CniError& fault) {
        error->AddDetail("what was done so far couldn't be taken back: " + fault.details());
        return;
      }
    }
  }

 private:
  std::vector<std::function<void()>> steps_;
};

class Addition {
 public:
  explicit Addition(const Call& call)
      : request_(call.request),
        config_(call.config),
        key_(KeyOf(request_)),
        sandbox_(SandboxOf(request_, config_)),
        ipam_(request_, config_, call.environment),
        folder_(config_, request_.container_id, request_.interface),
        pods_(config_) {}

  Json Run() {
    try {
      return Attach();
    } catch (CniError& error) {
      ForgetInterruption();
      undo_.Run(&error);
      throw;
    }
  }

 private:
  Json Attach() {
    if (!config_.is_vhost_user) RefuseIfInterfaceIsThere();
    // Whether podwarp answers at all is asked before an address is taken.
    const Json status = pods_.api().Get("/v1/status");
    const Json running = pods_.api().Get("/v1/config");

    undo_.Push([this] { ipam_.Run("DEL"); });  // of an ADD that failed too, SPEC.md section 4
    const Addresses given = ipam_.Add(running);
    if (config_.is_vhost_user) {
      undo_.Push([this] { folder_.Remove(); });
      folder_.Make();
    }
    undo_.Push([this] { pods_.Delete(key_, sandbox_); });
    pods_.Put(key_, sandbox_, Body(given.addresses));
    const Pod pod = Await();

    const auto ranges = config_.on_link ? running.value("pod_ranges", std::vector<std::string>())
                                        : std::vector<std::string>();
    const Attached attached{.interface = request_.interface,
                            .netns = request_.netns,
                            .mac = pod.mac,
                            .mtu_bytes = pod.mtu_bytes,
                            .socket = config_.is_vhost_user ? folder_.socket() : "",
                            .addresses = OnLink(given.addresses, ranges),
                            .gateway = status.value("gateway", ""),
                            .dns = config_.dns.is_null() ? given.dns : config_.dns};
    if (config_.is_vhost_user) folder_.Describe(ToResult(attached, "1.0.0", nullptr));
    ThrowIfInterrupted();
    return ToResult(attached, request_.version, config_.prev_result);
  }

  void RefuseIfInterfaceIsThere() const {
    if (!FindInterface(request_.netns, request_.interface).has_value()) return;
    throw CniError(kTaken, "the interface is there already",
                   "CNI_IFNAME: " + request_.interface + " in " + request_.netns);
  }

  Json Body(const std::vector<std::string>& addresses) const {
    Json port;
    if (config_.is_vhost_user) {
      port["vhost_user"] = {{"socket", folder_.socket()}, {"mode", "server"}};
      if (config_.queues.has_value()) port["vhost_user"]["queues"] = *config_.queues;
    } else {
      port["tap"] = {{"interface", request_.interface},
                     {"netns", request_.netns},
                     {"on_link", config_.on_link}};
    }
    Json body = {{"addresses", addresses}, {"sandbox", sandbox_.text()}, {"port", port}};
    if (config_.mtu.has_value()) body["mtu"] = *config_.mtu;
    return body;
  }

  // A vhost-user port is up only when somebody has connected.
  Pod Await() {
    const std::optional<Pod> pod =
        config_.is_vhost_user ? pods_.Find(key_) : pods_.AwaitUp(key_, kPatience);
    if (!pod.has_value()) {
      throw CniError(kNotUp, "the pod has no port",
                     "pod " + key_.text() + " was removed meanwhile");
    }
    if (!pod->up && !config_.is_vhost_user) {
      throw CniError(kNotUp, "the pod has no port", "pod " + key_.text() + ": " + pod->why_down);
    }
    return *pod;
  }

  const Request& request_;
  const NetworkConfig& config_;
  const PodKey key_;
  const Sandbox sandbox_;
  const Ipam ipam_;
  const VhostFolder folder_;
  Pods pods_;
  Undo undo_;
};

}  // namespace

Json Add(const Call& call) { return Addition(call).Run(); }

}  // namespace podwarp::cni
