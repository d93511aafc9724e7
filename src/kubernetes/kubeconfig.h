// How kubectl and others are told where a cluster is.
//
// Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "kubernetes/cluster_access.h"

namespace podwarp {

// The current context of the file. Paths in it are relative to its folder. A user who is to be
// asked for by another program (exec, auth-provider) or has a password is an error, and so is a
// proxy: podwarp uses tokens and certificates. Errors name the file and the key.
absl::StatusOr<ClusterAccess> LoadKubeconfig(const std::string& path);

}  // namespace podwarp
