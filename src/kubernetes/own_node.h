// What a node's podwarp tells the others of itself, by the API server.
//
// Pure functions, for any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "kubernetes/objects.h"

namespace podwarp {

// What is to stand in its Node's annotations.
struct OwnAnnotations {
  MacAddress virtual_mac;
  std::optional<Ipv4Address> underlay_address;  // none: no annotation
};

// The merge patch that makes them so; none if they are.
std::optional<nlohmann::json> PatchOf(const KubeNode& node, const OwnAnnotations& own);

// "virtual MAC ... is also node-b's: ...". `nodes` are all that have it, two or more.
std::string DuplicateMacSentence(MacAddress mac, const std::vector<std::string>& nodes,
                                 const std::string& own_name);

// A Warning about the node `name`, as `kubectl describe node` shows it. The same reason and message
// give the same name, so that the server has it once, until it forgets it (after an hour, unless it
// is told otherwise).
nlohmann::json WarningOf(const std::string& name, const std::string& reason,
                         const std::string& message, absl::Time now);

}  // namespace podwarp
