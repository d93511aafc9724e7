// What must hold within a service, and how it fits the node's settings.
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "control/config_checks.h"
#include "control/config_places.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

constexpr size_t kMostBackends = 5'000;  // of a port

std::string Taken(const std::string& what, const std::string& holder, const ConfigFaults& faults) {
  return absl::StrCat(what, " is taken by ", faults.Named(holder), "; each needs one of its own");
}

// Keys are made for faults only: there may be 5,000 backends, and mostly nothing is wrong.
void CheckBackends(const ServicePortConfig& port, const std::string& list, ConfigFaults* faults) {
  if (port.backends.size() > kMostBackends) {
    faults->Add(list, absl::StrCat("has ", port.backends.size(), " backends; there can be ",
                                   kMostBackends));
  }
  absl::flat_hash_map<std::pair<Ipv4Address, uint16_t>, size_t> holders;
  for (size_t i = 0; i < port.backends.size(); ++i) {
    const BackendConfig& backend = port.backends[i];
    if (!faults->empty() && !faults->Usable(KeyOf(list, i))) continue;
    const auto [holder, is_first] = holders.try_emplace({backend.address, backend.port}, i);
    if (is_first) continue;
    faults->Add(KeyOf(list, i),
                absl::StrCat("is ", backend.address.ToString(), ":", backend.port, ", as is ",
                             faults->Named(KeyOf(list, holder->second)), "; keep one"));
  }
}

// An external address is of none of the cluster's ranges; on an uplink's segment it is a host's.
void CheckOutside(const Config& settings, Ipv4Address address, const std::string& key,
                  ConfigFaults* faults) {
  if (!faults->Usable(key)) return;
  const auto check_list = [&](const char* list, const std::vector<Ipv4Prefix>& ranges) {
    for (size_t i = 0; i < ranges.size(); ++i) {
      const std::string range_key = KeyOf(list, i);
      if (!ranges[i].Contains(address) || !faults->Usable(range_key)) continue;
      faults->Add(key,
                  absl::StrCat(address.ToString(), " is inside ", ranges[i].ToString(), " of ",
                               faults->Named(range_key), "; expected one outside the cluster"));
    }
  };
  check_list("pod_ranges", settings.pod_ranges);
  check_list("service_ranges", settings.service_ranges);
  for (size_t i = 0; i < settings.uplinks.size(); ++i) {
    const std::optional<Ipv4Prefix> segment = settings.uplinks[i].segment();
    const std::string segment_key = KeyOf("uplinks", i, "address");
    if (!segment.has_value() || !segment->Contains(address) || IsHostOf(*segment, address) ||
        !faults->Usable(segment_key)) {
      continue;
    }
    faults->Add(key, NotAHost(address, *segment, segment_key, *faults));
  }
}

}  // namespace

void CheckAlone(const ServiceConfig& service, const std::string& key, ConfigFaults* faults) {
  if (!service.source_ranges.empty() && service.external_addresses.empty() &&
      faults->Usable(Within(key, "external_addresses"))) {
    faults->Add(Within(key, "source_ranges"), "is for external_addresses, and there are none");
  }
  const std::string list = Within(key, "ports");
  if (service.ports.empty()) faults->Add(list, "needs at least one port");
  std::map<std::string, std::string> names;
  std::map<std::pair<uint8_t, uint16_t>, std::string> numbers;
  for (size_t i = 0; i < service.ports.size(); ++i) {
    const ServicePortConfig& port = service.ports[i];
    const std::string name_key = KeyOf(list, i, "name"), number_key = KeyOf(list, i, "port");
    if (port.name.empty() && service.ports.size() > 1) {
      faults->Add(name_key, "is missing; each of several ports needs a name");
    } else if (!port.name.empty()) {
      const auto [holder, is_first] = names.try_emplace(port.name, name_key);
      if (!is_first) faults->Add(name_key, Taken(port.name, holder->second, *faults));
    }
    if (faults->Usable(number_key) && faults->Usable(KeyOf(list, i, "protocol"))) {
      const auto [holder, is_first] = numbers.try_emplace({port.protocol, port.port}, number_key);
      const std::string text = PortText(port.port, port.protocol);
      if (!is_first) faults->Add(number_key, Taken(text, holder->second, *faults));
    }
    CheckBackends(port, KeyOf(list, i, "backends"), faults);
  }
}

void CheckFits(const Config& settings, const ServiceConfig& service, const std::string& key,
               ConfigFaults* faults) {
  for (size_t i = 0; i < service.external_addresses.size(); ++i) {
    CheckOutside(settings, service.external_addresses[i],
                 KeyOf(Within(key, "external_addresses"), i), faults);
  }
  if (!faults->Usable("service_ranges")) return;
  const std::string address_key = Within(key, "address");
  if (settings.service_ranges.empty()) {
    faults->Add(address_key,
                absl::StrCat(service.address.ToString(), " is of none of service_ranges: the ",
                             "configuration has none"));
    return;
  }
  CheckInside(address_key, Ipv4Prefix::Host(service.address), service.address.ToString(),
              "service_ranges", settings.service_ranges, faults);
  for (size_t i = 0; i < service.ports.size(); ++i) {
    for (size_t j = 0; j < service.ports[i].backends.size(); ++j) {
      const Ipv4Address backend = service.ports[i].backends[j].address;
      for (size_t k = 0; k < settings.service_ranges.size(); ++k) {
        if (!settings.service_ranges[k].Contains(backend)) continue;
        faults->Add(KeyOf(KeyOf(Within(key, "ports"), i, "backends"), j, "address"),
                    absl::StrCat(backend.ToString(), " is a service's, inside ",
                                 settings.service_ranges[k].ToString(), " of ",
                                 faults->Named(KeyOf("service_ranges", k)),
                                 "; expected a pod's or a node's"));
      }
    }
  }
}

}  // namespace podwarp
