#include "kubernetes/service_backends.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

constexpr size_t kMostBackends = 5'000;  // of a port, as a configuration may have

struct Candidate {
  const KubeEndpoint* endpoint;
  uint16_t port;
  bool takes_new = false;  // connections

  bool is_ready() const { return endpoint->is_ready; }
  bool is_draining() const {
    return !endpoint->is_ready && endpoint->is_serving && endpoint->is_terminating;
  }
  std::pair<Ipv4Address, uint16_t> place() const { return {endpoint->address, port}; }
};

bool IsInOne(const std::vector<Ipv4Prefix>& ranges, Ipv4Address address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Ipv4Prefix& range) { return range.Contains(address); });
}

bool IsLocal(const KubeEndpoint& endpoint, const BackendRules& rules) {
  if (!endpoint.node.empty()) return endpoint.node == rules.node;
  return IsInOne(rules.own_ranges, endpoint.address);
}

bool IsForZone(const KubeEndpoint& endpoint, const std::string& zone) {
  return std::find(endpoint.zones.begin(), endpoint.zones.end(), zone) != endpoint.zones.end();
}

// Those that take or keep connections. An endpoint may stand in two slices while the controller
// moves it from one to the other: the one that says more for it counts.
std::vector<Candidate> Gather(const KubeServicePort& port,
                              std::span<const KubeSlice* const> slices) {
  std::vector<Candidate> found;
  absl::flat_hash_map<std::pair<Ipv4Address, uint16_t>, size_t> places;
  for (const KubeSlice* slice : slices) {
    for (const KubeSlicePort& slice_port : slice->ports) {
      if (slice_port.name != port.name || slice_port.protocol != port.protocol) continue;
      for (const KubeEndpoint& endpoint : slice->endpoints) {
        const Candidate candidate{&endpoint, slice_port.port};
        if (!candidate.is_ready() && !candidate.is_draining()) continue;
        const auto [place, is_new] = places.try_emplace(candidate.place(), found.size());
        if (is_new) {
          found.push_back(candidate);
        } else if (!found[place->second].is_ready()) {
          found[place->second] = candidate;
        }
      }
    }
  }
  return found;
}

// Hints count if every ready endpoint has some and one of them is for our zone: else the cluster
// is in between two states, or our zone was forgotten, and all of them are used.
bool HintsCount(const std::vector<Candidate>& candidates, const std::string& zone) {
  bool has_ours = false;
  for (const Candidate& candidate : candidates) {
    if (!candidate.is_ready()) continue;
    if (candidate.endpoint->zones.empty()) return false;
    has_ours = has_ours || IsForZone(*candidate.endpoint, zone);
  }
  return has_ours && !zone.empty();
}

// Of those that `may_take` lets pass, the ready ones take new connections; if nobody is, those that
// still serve.
template <typename MayTake>
void Choose(std::vector<Candidate>* candidates, const MayTake& may_take) {
  const auto choose = [&](const auto& is_able) {
    bool is_any = false;
    for (Candidate& candidate : *candidates) {
      if (!is_able(candidate) || !may_take(candidate)) continue;
      candidate.takes_new = is_any = true;
    }
    return is_any;
  };
  if (!choose([](const Candidate& candidate) { return candidate.is_ready(); })) {
    choose([](const Candidate& candidate) { return candidate.is_draining(); });
  }
}

}  // namespace

std::vector<BackendConfig> BackendsOf(const KubeServicePort& port,
                                      std::span<const KubeSlice* const> slices,
                                      const BackendRules& rules,
                                      const std::vector<Ipv4Prefix>& service_ranges,
                                      std::vector<std::string>* faults) {
  std::vector<Candidate> candidates = Gather(port, slices);
  std::erase_if(candidates, [&](const Candidate& candidate) {
    const Ipv4Address address = candidate.endpoint->address;
    if (!IsInOne(service_ranges, address)) return false;
    faults->push_back(
        absl::StrCat("endpoint ", address.ToString(), " is left out: it is a service's address"));
    return true;
  });

  // Hints are for calls that may go anywhere. A backend has one state for all calls: who takes
  // those of one kind takes the others too, where these are let to it.
  const bool by_zone = HintsCount(candidates, rules.zone);
  if (!rules.is_for_all) {
    for (Candidate& candidate : candidates) candidate.takes_new = candidate.is_ready();
  } else {
    Choose(&candidates, [&](const Candidate& candidate) {
      return !by_zone || !candidate.is_ready() || IsForZone(*candidate.endpoint, rules.zone);
    });
  }
  if (rules.is_for_local) {
    Choose(&candidates,
           [&](const Candidate& candidate) { return IsLocal(*candidate.endpoint, rules); });
  }

  const auto order = [](const Candidate& a, const Candidate& b) { return a.place() < b.place(); };
  if (candidates.size() > kMostBackends) {
    faults->push_back(absl::StrCat("has ", candidates.size(), " endpoints, of which ",
                                   kMostBackends, " are used"));
    std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
      if (a.takes_new != b.takes_new) return a.takes_new;
      return order(a, b);
    });
    candidates.resize(kMostBackends);
  }
  std::sort(candidates.begin(), candidates.end(), order);

  std::vector<BackendConfig> backends;
  backends.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    BackendConfig backend;
    backend.address = candidate.endpoint->address;
    backend.port = candidate.port;
    backend.phase = candidate.takes_new ? BackendPhase::kReady : BackendPhase::kTerminating;
    backend.node = candidate.endpoint->node;
    backends.push_back(std::move(backend));
  }
  return backends;
}

}  // namespace podwarp
