// How one object fits the node's own settings.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config_checks.h"
#include "control/config_places.h"

namespace podwarp {

bool IsHostOf(const Ipv4Prefix& range, Ipv4Address address) {
  return range.Contains(address) &&
         (range.length() >= 31 || (address != range.network() && address != range.last()));
}

std::string NotAHost(Ipv4Address address, const Ipv4Prefix& range, const std::string& range_key,
                     const ConfigFaults& faults) {
  return absl::StrCat(address.ToString(), " is the network's or the broadcast address of ",
                      range.ToString(), " of ", faults.Named(range_key), "; expected one between");
}

void CheckInside(const std::string& key, const Ipv4Prefix& inner, const std::string& text,
                 const std::string& list, const std::vector<Ipv4Prefix>& ranges,
                 ConfigFaults* faults) {
  if (ranges.empty() || !faults->Usable(list)) return;
  for (const Ipv4Prefix& range : ranges) {
    if (range.Contains(inner)) return;
  }
  const auto to_text = [](std::string* out, const Ipv4Prefix& range) { *out += range.ToString(); };
  faults->Add(key, absl::StrCat(text, " is outside ", list, " (",
                                absl::StrJoin(ranges, ", ", to_text), ")"));
}

void CheckFits(const Config& settings, const PodConfig& pod, const std::string& key,
               ConfigFaults* faults) {
  const bool node_ranges = !settings.node_pod_ranges.empty();
  const std::string list = node_ranges ? "node_pod_ranges" : "pod_ranges";
  const auto& ranges = node_ranges ? settings.node_pod_ranges : settings.pod_ranges;
  for (size_t i = 0; i < pod.addresses.size(); ++i) {
    const Ipv4Address address = pod.addresses[i];
    const std::string address_key = KeyOf(Within(key, "addresses"), i);
    CheckInside(address_key, Ipv4Prefix::Host(address), address.ToString(), list, ranges, faults);
    for (size_t j = 0; j < settings.node_pod_ranges.size(); ++j) {
      const Ipv4Prefix& range = settings.node_pod_ranges[j];
      const std::string range_key = KeyOf("node_pod_ranges", j);
      if (!range.Contains(address) || IsHostOf(range, address) || !faults->Usable(range_key)) {
        continue;
      }
      faults->Add(address_key, NotAHost(address, range, range_key, *faults));
    }
  }
}

// A remote node is a neighbour on its uplink's segment.
void CheckFits(const Config& settings, const RemoteNodeConfig& remote, const std::string& key,
               ConfigFaults* faults) {
  for (size_t i = 0; i < remote.pod_ranges.size(); ++i) {
    const Ipv4Prefix& range = remote.pod_ranges[i];
    const std::string range_key = KeyOf(Within(key, "pod_ranges"), i);
    if (!faults->Usable(range_key)) continue;
    CheckInside(range_key, range, range.ToString(), "pod_ranges", settings.pod_ranges, faults);
  }
  if (!remote.underlay_address.has_value()) return;
  for (size_t i = 0; i < settings.uplinks.size(); ++i) {
    const UplinkConfig& uplink = settings.uplinks[i];
    const std::optional<Ipv4Prefix> segment = uplink.segment();
    if (uplink.name != remote.uplink || !segment.has_value() ||
        IsHostOf(*segment, *remote.underlay_address)) {
      continue;
    }
    faults->Add(
        Within(key, "underlay_address"),
        absl::StrCat(remote.underlay_address->ToString(), " is not a host of the segment of ",
                     remote.uplink, ", ", segment->ToString(), " of ",
                     faults->Named(KeyOf("uplinks", i, "address"))));
  }
}

void CheckFits(const Config& settings, const RouteConfig& route, const std::string& key,
               ConfigFaults* faults) {
  CheckInside(Within(key, "prefix"), route.prefix, route.prefix.ToString(), "pod_ranges",
              settings.pod_ranges, faults);
}

}  // namespace podwarp
