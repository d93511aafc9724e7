// Which endpoints of a service's slices are the backends of one of its ports.
//
// Pure functions, for any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control/config.h"
#include "kubernetes/objects.h"

namespace podwarp {

struct BackendRules {
  const std::string& node;                    // ours
  const std::string& zone;                    // ours; empty: none
  const std::vector<Ipv4Prefix>& own_ranges;  // where endpoints are ours that don't say their node
  bool is_for_all = true;                     // some calls may go to any backend
  bool is_for_local = false;                  // some calls may go to those on this node only
};

// In the order of addresses and ports, each once. Endpoints in `service_ranges` are left out: they
// are services again. A sentence in `faults` for what is left out.
std::vector<BackendConfig> BackendsOf(const KubeServicePort& port,
                                      std::span<const KubeSlice* const> slices,
                                      const BackendRules& rules,
                                      const std::vector<Ipv4Prefix>& service_ranges,
                                      std::vector<std::string>* faults);

}  // namespace podwarp
