// What a configuration leaves to Kubernetes to say.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "control/config.h"

namespace podwarp {

// Whether the node's own Node has to be asked for before podwarp can run:
// ConfigOverrides::pod_cidrs brings the answer.
bool NeedsNode(const Config& config);

// Fills in what the file left out, where Kubernetes is followed: node_pod_ranges becomes
// `pod_cidrs`, the Node's spec.podCIDRs, and host_port.address, if there is a host port, the last
// host of the first of node_pod_ranges: where pods' addresses are given out from below, it is the
// last that they come to. Errors: FailedPrecondition (the Node has no range, and the file neither).
absl::Status CompleteFromNode(std::vector<Ipv4Prefix> pod_cidrs, Config* config);

}  // namespace podwarp
