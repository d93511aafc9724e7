#include "kubernetes/connect.h"

#include <glog/logging.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "control/log_limit.h"
#include "kubernetes/backoff.h"
#include "kubernetes/kubeconfig.h"
#include "kubernetes/objects.h"

namespace podwarp {
namespace {

// The first process of a container has to say what ends it.
[[noreturn]] void EndAtOnce(int /*signal*/) { _exit(0); }

constexpr absl::Duration kFirstWait = absl::Milliseconds(500), kLongestWait = absl::Seconds(10);

absl::StatusOr<std::vector<Ipv4Prefix>> AskForPodRanges(const ApiClient& client,
                                                        const std::string& node) {
  const absl::StatusOr<nlohmann::json> object = client.Get(absl::StrCat("/api/v1/nodes/", node));
  if (!object.ok()) return object.status();
  KubeNode found = ParseKubeNode(*object);
  if (found.pod_cidrs.empty()) {
    return absl::UnavailableError(
        "it has no IPv4 spec.podCIDRs (does the controller manager run with "
        "--allocate-node-cidrs?)");
  }
  return std::move(found.pod_cidrs);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ApiClient>> Connect(const KubernetesConfig& config) {
  absl::StatusOr<ClusterAccess> access =
      config.kubeconfig.empty() ? InClusterAccess() : LoadKubeconfig(config.kubeconfig);
  if (!access.ok()) return access.status();
  return ApiClient::Open(*std::move(access));
}

std::vector<Ipv4Prefix> WaitForPodRanges(const ApiClient& client, const std::string& node) {
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, EndAtOnce);
  Backoff backoff(kFirstWait, kLongestWait);
  LogLimit limit;
  std::mt19937 random(std::random_device{}());
  for (;;) {
    absl::StatusOr<std::vector<Ipv4Prefix>> ranges = AskForPodRanges(client, node);
    if (ranges.ok()) {
      for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, SIG_DFL);
      return *std::move(ranges);
    }
    const std::string why(ranges.status().message());
    if (const auto left_out = limit.Take(why, absl::Now())) {
      LOG(WARNING) << "waits for Node " << node << " and its pod ranges, which the configuration "
                   << "leaves to Kubernetes: " << why << LeftOut(*left_out);
    }
    absl::SleepFor(backoff.Next(std::uniform_real_distribution(0.0, 1.0)(random)));
  }
}

}  // namespace podwarp
