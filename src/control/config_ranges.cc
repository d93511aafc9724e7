#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config_checks.h"
#include "control/config_places.h"

namespace podwarp {
namespace {

// A range and where it stands.
struct KeyedRange {
  std::string key;
  Ipv4Prefix range;
};

std::vector<KeyedRange> UsableRanges(const std::string& list, const std::vector<Ipv4Prefix>& ranges,
                                     const ConfigFaults& faults) {
  std::vector<KeyedRange> usable;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (faults.Usable(KeyOf(list, i))) usable.push_back({KeyOf(list, i), ranges[i]});
  }
  return usable;
}

void AddOverlap(const KeyedRange& range, const KeyedRange& other, ConfigFaults* faults) {
  faults->Add(range.key, absl::StrCat(range.range.ToString(), " overlaps ", other.range.ToString(),
                                      " of ", faults->Named(other.key), "; they must be apart"));
}

// Every range against all the others: for short lists.
void CheckApart(const KeyedRange& range, const std::vector<KeyedRange>& others,
                ConfigFaults* faults) {
  for (const KeyedRange& other : others) {
    if (range.range.Overlaps(other.range)) AddOverlap(range, other, faults);
  }
}

// No two overlap, for lists of thousands. Ranges nest or are apart, so that in the order of their
// networks, the wider first, all that lie in one follow it.
void CheckAllApart(std::vector<KeyedRange> ranges, ConfigFaults* faults) {
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const KeyedRange& a, const KeyedRange& b) { return a.range < b.range; });
  const KeyedRange* widest = nullptr;
  for (const KeyedRange& range : ranges) {
    if (widest != nullptr && widest->range.Contains(range.range)) {
      AddOverlap(range, *widest, faults);
    } else {
      widest = &range;
    }
  }
}

void CheckClusterRanges(const Config& config, ConfigFaults* faults) {
  if (config.pod_ranges.empty()) faults->Add("pod_ranges", "needs at least one range");
  const auto pods = UsableRanges("pod_ranges", config.pod_ranges, *faults);
  const auto services = UsableRanges("service_ranges", config.service_ranges, *faults);
  CheckAllApart(pods, faults);
  CheckAllApart(services, faults);
  for (const KeyedRange& range : services) CheckApart(range, pods, faults);
  for (size_t i = 0; i < config.uplinks.size(); ++i) {
    const std::optional<Ipv4Prefix> segment = config.uplinks[i].segment();
    if (!segment.has_value()) continue;
    const KeyedRange range = {KeyOf("uplinks", i, "address"), *segment};
    CheckApart(range, pods, faults);
    CheckApart(range, services, faults);
  }
}

void CheckNodeRanges(const Config& config, ConfigFaults* faults) {
  std::vector<KeyedRange> of_nodes =
      UsableRanges("node_pod_ranges", config.node_pod_ranges, *faults);
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    const auto remote =
        UsableRanges(KeyOf("nodes", i, "pod_ranges"), config.nodes[i].pod_ranges, *faults);
    of_nodes.insert(of_nodes.end(), remote.begin(), remote.end());
  }
  CheckAllApart(of_nodes, faults);
  for (size_t i = 0; i < config.node_pod_ranges.size(); ++i) {
    const Ipv4Prefix& range = config.node_pod_ranges[i];
    CheckInside(KeyOf("node_pod_ranges", i), range, range.ToString(), "pod_ranges",
                config.pod_ranges, faults);
  }
}

template <typename T>
void CheckAllFit(const Config& config, const std::string& list, const std::vector<T>& objects,
                 ConfigFaults* faults) {
  for (size_t i = 0; i < objects.size(); ++i) {
    CheckFits(config, objects[i], KeyOf(list, i), faults);
  }
}

void CheckSegments(const Config& config, ConfigFaults* faults) {
  for (size_t i = 0; i < config.uplinks.size(); ++i) {
    const UplinkConfig& uplink = config.uplinks[i];
    const std::string address_key = KeyOf("uplinks", i, "address");
    const std::string router_key = KeyOf("uplinks", i, "router");
    if (!faults->Usable(address_key)) continue;
    const std::optional<Ipv4Prefix> segment = uplink.segment();
    if (segment.has_value() && !IsHostOf(*segment, *uplink.address)) {
      faults->Add(address_key,
                  absl::StrCat(uplink.address->ToString(), " is the network's or the broadcast ",
                               "address of ", segment->ToString(), "; expected one between"));
    }
    if (!uplink.router.has_value()) continue;
    const std::string router = uplink.router->ToString();
    if (!segment.has_value()) {
      faults->Add(router_key, "needs the node's own address beside it, as address");
    } else if (!IsHostOf(*segment, *uplink.router)) {
      faults->Add(router_key, absl::StrCat(router, " is not a host of the segment, ",
                                           segment->ToString(), "; expected a neighbour in it"));
    } else if (uplink.router == uplink.address) {
      faults->Add(router_key, absl::StrCat(router, " is the node itself; expected a neighbour"));
    }
  }
}

}  // namespace

void CheckRanges(const Config& config, ConfigFaults* faults) {
  CheckClusterRanges(config, faults);
  CheckNodeRanges(config, faults);
  CheckSegments(config, faults);
  CheckAllFit(config, "pods", config.pods, faults);
  CheckAllFit(config, "nodes", config.nodes, faults);
  CheckAllFit(config, "routes", config.routes, faults);
  CheckAllFit(config, "services", config.services, faults);
}

}  // namespace podwarp
