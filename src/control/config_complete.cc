#include "control/config_complete.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

// Two addresses are both hosts, RFC 3021, and so is a single one.
Ipv4Address LastHostOf(const Ipv4Prefix& range) {
  return range.length() >= 31 ? range.last() : Ipv4Address(range.last().value() - 1);
}

}  // namespace

bool NeedsNode(const Config& config) {
  return config.kubernetes.has_value() && config.node_pod_ranges.empty();
}

absl::Status CompleteFromNode(std::vector<Ipv4Prefix> pod_cidrs, Config* config) {
  if (NeedsNode(*config)) {
    if (pod_cidrs.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("is missing, and Kubernetes gives node ", config->node_name,
                       " no IPv4 range (spec.podCIDRs); say which are this node's"));
    }
    config->node_pod_ranges = std::move(pod_cidrs);
  }
  std::optional<HostPortConfig>& host = config->host_port;
  if (config->kubernetes.has_value() && host.has_value() && host->address.is_zero() &&
      !config->node_pod_ranges.empty()) {
    host->address = LastHostOf(config->node_pod_ranges[0]);
  }
  return absl::OkStatus();
}

}  // namespace podwarp
