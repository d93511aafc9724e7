// The API server that the configuration names, and what has to be known from it before podwarp can
// start.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config.h"
#include "kubernetes/api_client.h"
#include "podwarp/net/ip_prefix.h"

namespace podwarp {

// Errors: those of LoadKubeconfig(), InClusterAccess() and ApiClient::Open(); the server need not
// be there yet.
absl::StatusOr<std::unique_ptr<ApiClient>> Connect(const KubernetesConfig& config);

// The IPv4 ranges of the Node's spec.podCIDRs. Asks until the server answers and has some: the log
// says what it waits for. Whoever doesn't want to wait any longer sends SIGTERM or SIGINT, which
// end the process meanwhile.
std::vector<Ipv4Prefix> WaitForPodRanges(const ApiClient& client, const std::string& node);

}  // namespace podwarp
