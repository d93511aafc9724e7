#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config_places.h"
#include "kubernetes/meaning.h"

namespace podwarp {
namespace {

const UplinkConfig* UplinkToward(const Config& settings, Ipv4Address address) {
  for (const UplinkConfig& uplink : settings.uplinks) {
    const std::optional<Ipv4Prefix> segment = uplink.segment();
    if (segment.has_value() && IsHostOf(*segment, address)) return &uplink;
  }
  return nullptr;
}

bool HasSegments(const Config& settings) {
  for (const UplinkConfig& uplink : settings.uplinks) {
    if (uplink.address.has_value()) return true;
  }
  return false;
}

// By which of our uplinks it is reached, and at which address it is asked for. A sentence why not.
std::optional<std::string> Reach(const Config& settings, const KubeNode& node,
                                 RemoteNodeConfig* remote) {
  remote->uplink = settings.uplinks[0].name;
  if (node.underlay_address.has_value()) {
    remote->underlay_address = node.underlay_address;
    const UplinkConfig* uplink = UplinkToward(settings, *node.underlay_address);
    if (uplink != nullptr) {
      remote->uplink = uplink->name;
    } else if (HasSegments(settings) || !node.virtual_mac.has_value()) {
      return absl::StrCat("its underlay address ", node.underlay_address->ToString(),
                          " is in the segment of none of this node's uplinks");
    }
    return std::nullopt;
  }
  for (const Ipv4Address address : node.internal_addresses) {
    const UplinkConfig* uplink = UplinkToward(settings, address);
    if (uplink == nullptr) continue;
    remote->uplink = uplink->name;
    // With its virtual MAC known there is nothing to ask: the address may be its kernel's.
    if (!node.virtual_mac.has_value()) remote->underlay_address = address;
    return std::nullopt;
  }
  if (node.virtual_mac.has_value()) return std::nullopt;
  const auto to_text = [](std::string* out, Ipv4Address address) { *out += address.ToString(); };
  return absl::StrCat(
      "it has no annotation ", kVirtualMacAnnotation, ", and ",
      node.internal_addresses.empty()
          ? "no InternalIP"
          : absl::StrCat("its InternalIP ", absl::StrJoin(node.internal_addresses, ", ", to_text),
                         " is in the segment of none of this node's uplinks"));
}

}  // namespace

NodeMeaning MeaningOf(const Config& settings, const KubeNode& node) {
  NodeMeaning meaning;
  const auto say = [&](const std::string& sentence) {
    meaning.sentences.push_back(absl::StrCat("node ", node.name, ": ", sentence));
  };
  for (const std::string& fault : node.faults) say(fault);
  if (settings.uplinks.empty()) {
    say("is not reached: this node has no uplink");
    return meaning;
  }
  if (node.pod_cidrs.empty()) {
    say("is not reached: it has no podCIDR of IPv4");
    return meaning;
  }
  RemoteNodeConfig remote;
  remote.name = node.name;
  remote.virtual_mac = node.virtual_mac;
  remote.pod_ranges = node.pod_cidrs;
  const std::optional<std::string> why_not = Reach(settings, node, &remote);
  if (why_not.has_value()) {
    say(absl::StrCat("is not reached: ", *why_not));
    return meaning;
  }
  meaning.node = std::move(remote);
  return meaning;
}

}  // namespace podwarp
