// Theory of operation: each port of the service gathers its endpoints from all slices
// (service_backends.h says how they are chosen); the rest is a field for a field.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "control/claims.h"
#include "control/config_places.h"
#include "control/service_values.h"
#include "kubernetes/meaning.h"
#include "kubernetes/service_backends.h"

namespace podwarp {
namespace {

using Sentences = std::vector<std::string>;

bool IsInOne(const std::vector<Ipv4Prefix>& ranges, Ipv4Address address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Ipv4Prefix& range) { return range.Contains(address); });
}

// Why this node can't serve the address as a service's external one; empty if it can.
std::string WhyNotExternal(const Config& settings, Ipv4Address address) {
  if (IsInOne(settings.pod_ranges, address)) return "is of the pods' ranges";
  if (IsInOne(settings.service_ranges, address)) return "is of the services' ranges";
  for (const UplinkConfig& uplink : settings.uplinks) {
    const std::optional<Ipv4Prefix> segment = uplink.segment();
    if (segment.has_value() && segment->Contains(address) && !IsHostOf(*segment, address)) {
      return absl::StrCat("is no host's address in the segment of ", uplink.name);
    }
  }
  for (const Claim& claim : ClaimsOfSettings(settings)) {
    if (claim.id.space == ClaimSpace::kRoute && claim.id.prefix == Ipv4Prefix::Host(address)) {
      return absl::StrCat("is in this node's settings as ", claim.key);
    }
  }
  return "";
}

TrafficPolicy PolicyOf(bool is_local) {
  return is_local ? TrafficPolicy::kLocal : TrafficPolicy::kCluster;
}

void TakeExternal(const Config& settings, const KubeService& kube, ServiceConfig* service,
                  Sentences* faults) {
  for (const Ipv4Address address : kube.external_addresses) {
    if (address == service->address) continue;
    const std::string why_not = WhyNotExternal(settings, address);
    if (why_not.empty()) {
      service->external_addresses.push_back(address);
    } else {
      faults->push_back(
          absl::StrCat("external address ", address.ToString(), " is not served: it ", why_not));
    }
  }
  if (service->external_addresses.empty() || !kube.has_source_ranges) return;
  service->source_ranges = kube.source_ranges;
  // Ranges of IPv6 only: no list would let everybody in, so this is one that nobody calls from.
  if (service->source_ranges.empty()) service->source_ranges = {Ipv4Prefix::Host(Ipv4Address())};
}

// What it is called in the configuration, where several ports need a name each. The API server
// gives none without one.
std::string NameOf(const KubeServicePort& port, size_t ports) {
  if (!port.name.empty() || ports == 1) return port.name;
  return absl::StrCat(absl::AsciiStrToLower(port.protocol), "-", port.port);
}

class PortMaker {
 public:
  PortMaker(const Config& settings, const KubeService& kube,
            std::span<const KubeSlice* const> slices, const std::string& zone,
            const ServiceConfig* service)
      : settings_(settings), kube_(kube), slices_(slices), zone_(zone), service_(*service) {}

  // None if it can't be expressed.
  std::optional<ServicePortConfig> Make(const KubeServicePort& kube_port, Sentences* faults) {
    const std::string text = absl::StrCat("port ", kube_port.port, "/", kube_port.protocol);
    const absl::StatusOr<uint8_t> protocol =
        ParseProtocol(absl::AsciiStrToLower(kube_port.protocol));
    if (!protocol.ok() || kube_port.port == 0) {
      faults->push_back(absl::StrCat(text, " is left out: not a port of TCP, UDP or SCTP"));
      return std::nullopt;
    }
    ServicePortConfig port;
    port.name = NameOf(kube_port, kube_.ports.size());
    port.protocol = *protocol;
    port.port = kube_port.port;
    port.node_port = kube_port.node_port;
    if (!numbers_.emplace(port.protocol, port.port).second || !names_.insert(port.name).second) {
      faults->push_back(absl::StrCat(text, " is left out: another has its number or name"));
      return std::nullopt;
    }
    // What pods and the node itself send to an address for callers outside may go to any backend.
    const bool is_outside = !service_.external_addresses.empty() || port.node_port != 0;
    const BackendRules rules{
        .node = settings_.node_name,
        .zone = zone_,
        .own_ranges = settings_.node_pod_ranges,
        .is_for_all = !kube_.is_internal_local || is_outside,
        .is_for_local = kube_.is_internal_local || (kube_.is_external_local && is_outside),
    };
    Sentences backend_faults;
    port.backends =
        BackendsOf(kube_port, slices_, rules, settings_.service_ranges, &backend_faults);
    for (const std::string& fault : backend_faults) {
      faults->push_back(absl::StrCat(text, ": ", fault));
    }
    return port;
  }

 private:
  const Config& settings_;
  const KubeService& kube_;
  const std::span<const KubeSlice* const> slices_;
  const std::string& zone_;
  const ServiceConfig& service_;
  std::set<std::pair<uint8_t, uint16_t>> numbers_;
  std::set<std::string> names_;
};

}  // namespace

ServiceMeaning MeaningOf(const Config& settings, const std::string& key, const KubeService& kube,
                         std::span<const KubeSlice* const> slices, const std::string& zone) {
  ServiceMeaning meaning;
  if (!kube.cluster_address.has_value()) return meaning;
  Sentences faults = kube.faults;
  ServiceConfig service;
  const size_t slash = key.find('/');
  service.service_namespace = key.substr(0, slash);
  service.name = key.substr(slash + 1);
  service.address = *kube.cluster_address;
  service.session_affinity = kube.affinity;
  service.internal_traffic = PolicyOf(kube.is_internal_local);
  service.external_traffic = PolicyOf(kube.is_external_local);
  TakeExternal(settings, kube, &service, &faults);

  PortMaker maker(settings, kube, slices, zone, &service);
  for (const KubeServicePort& kube_port : kube.ports) {
    std::optional<ServicePortConfig> port = maker.Make(kube_port, &faults);
    if (port.has_value()) service.ports.push_back(*std::move(port));
  }
  if (service.ports.empty()) {
    faults.push_back("is not served: it has no port that can be");
  } else {
    meaning.service = std::move(service);
  }
  for (const std::string& fault : faults) {
    meaning.sentences.push_back(absl::StrCat("service ", key, ": ", fault));
  }
  return meaning;
}

}  // namespace podwarp
