#include "control/services.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/connection_expiry.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

constexpr char kServices[] = "services";
constexpr char kExternal[] = "external services";
constexpr char kFormer[] = "former services";

BackendScope ScopeOf(TrafficPolicy policy) {
  return policy == TrafficPolicy::kLocal ? BackendScope::kLocal : BackendScope::kAll;
}

// What stays of a service that goes: nobody, for callers of every kind.
ServiceTable::ServiceSpec Lingering(ServiceTable::ServiceSpec spec) {
  spec.backends.clear();
  spec.affinity_ticks = 0;
  return spec;
}

std::string ToText(const Endpoint& endpoint) {
  return absl::StrCat(endpoint.address.ToString(), ":", endpoint.port.host(), "/",
                      std::string(ProtocolWord(endpoint.protocol)));
}

}  // namespace

std::string NameOf(const ServiceConfig& service, const ServicePortConfig& port) {
  return absl::StrCat(service.full_name(), ":",
                      port.name.empty()
                          ? absl::StrCat(port.port, "/", std::string(ProtocolWord(port.protocol)))
                          : port.name);
}

Services::Services(Settings settings, Tables* tables, AddressOwners* owners)
    : settings_(std::move(settings)), tables_(*tables), owners_(*owners) {}

absl::Status Services::Start() {
  absl::Status status = owners_.Add(kServices, {.kind = NextHopKind::kService});
  status.Update(owners_.Add(kExternal, {.kind = NextHopKind::kExternalService}));
  status.Update(owners_.Add(kFormer, {.kind = NextHopKind::kService}));
  return status;
}

AdjacencyIndex Services::AdjacencyOf(const char* owner) const {
  const AddressOwners::Owner* found = owners_.Find(owner);
  return found == nullptr ? kUnusedAdjacency : found->adjacency;
}

AdjacencyIndex Services::adjacency() const { return AdjacencyOf(kServices); }
AdjacencyIndex Services::external_adjacency() const { return AdjacencyOf(kExternal); }
AdjacencyIndex Services::former_adjacency() const { return AdjacencyOf(kFormer); }

absl::Status Services::Apply(const ServiceConfig* before, const ServiceConfig* after,
                             uint64_t generation, absl::Time now) {
  const std::string name = (before != nullptr ? before : after)->full_name();
  const auto found = all_.find(name);
  if ((found == all_.end()) != (before == nullptr)) {
    return absl::FailedPreconditionError(
        absl::StrCat("service ", name, before == nullptr ? " is there already" : " is not there"));
  }
  Published old, fresh;
  if (before != nullptr) old = WhatToPublish(found->second);
  if (after != nullptr) fresh = WhatToPublish(*after);
  if (absl::Status status = CheckFree(name, fresh); !status.ok()) return status;

  // Ports before the address: no packet finds a service without them.
  SetSpecs(old, fresh);
  if (absl::Status status = ClaimAddresses(name, old, fresh, generation); !status.ok()) {
    SetSpecs(fresh, old);
    for (const auto& [endpoint, spec] : fresh.specs) {
      if (old.specs.contains(endpoint)) continue;
      if (lingering_.contains(endpoint)) {
        CHECK(tables_.services.Set(Lingering(spec)).ok()) << name;
      } else {
        CHECK(tables_.services.Remove(endpoint).ok()) << name;
      }
    }
    return status;
  }
  LetLinger(old, fresh, generation, now);
  for (const auto& [endpoint, spec] : fresh.specs) holders_[endpoint] = name;
  for (const auto& [address, owner] : fresh.addresses) address_holders_[address] = name;
  if (after != nullptr) {
    all_[name] = *after;
  } else {
    all_.erase(found);
  }
  return absl::OkStatus();
}

void Services::Tick(uint64_t generation, absl::Time now) {
  absl::erase_if(lingering_addresses_, [&](const auto& lingering) {
    const auto& [address, until] = lingering;
    if (until > now) return false;
    for (const char* owner : {kServices, kExternal, kFormer}) {
      // Somebody else may have it by now.
      owners_.Release(owner, Ipv4Prefix::Host(address), generation).IgnoreError();
    }
    return true;
  });
  absl::erase_if(lingering_, [&](const auto& lingering) {
    const auto& [endpoint, until] = lingering;
    if (until > now) return false;
    CHECK(tables_.services.Remove(endpoint).ok()) << ToText(endpoint);
    return true;
  });
}

bool Services::IsHere(const BackendConfig& backend) const {
  if (!backend.node.empty()) return backend.node == settings_.node_name;
  const auto contains = [&](const Ipv4Prefix& range) { return range.Contains(backend.address); };
  const std::vector<Ipv4Address>& own = settings_.addresses;
  return std::any_of(settings_.pod_ranges.begin(), settings_.pod_ranges.end(), contains) ||
         std::find(own.begin(), own.end(), backend.address) != own.end();
}

Services::Published Services::WhatToPublish(const ServiceConfig& service) const {
  Published published;
  published.addresses[service.address] = kServices;
  for (const Ipv4Address address : service.external_addresses) {
    published.addresses[address] = kExternal;
  }
  for (const ServicePortConfig& port : service.ports) {
    Spec spec;
    spec.name = NameOf(service, port);
    if (service.session_affinity > absl::ZeroDuration()) {
      spec.affinity_ticks = ConnectionTicks(service.session_affinity, settings_.tsc_hz);
    }
    for (const BackendConfig& backend : port.backends) {
      spec.backends.push_back({.address = backend.address,
                               .port = Be16(backend.port),
                               .is_terminating = backend.phase == BackendPhase::kTerminating,
                               .is_local = IsHere(backend)});
    }
    const auto publish_at = [&](Ipv4Address address, uint16_t number) {
      spec.endpoint = {.address = address, .port = Be16(number), .protocol = port.protocol};
      published.specs[spec.endpoint] = spec;
    };
    spec.inside = ScopeOf(service.internal_traffic);
    publish_at(service.address, port.port);
    spec.inside = BackendScope::kAll;
    spec.outside = ScopeOf(service.external_traffic);
    if (port.node_port != 0) {
      for (const Ipv4Address address : settings_.addresses) publish_at(address, port.node_port);
    }
    spec.source_ranges = service.source_ranges;
    for (const Ipv4Address address : service.external_addresses) publish_at(address, port.port);
  }
  return published;
}

// What lingers is free.
absl::Status Services::CheckFree(const std::string& name, const Published& after) const {
  const auto taken = [&](const std::string& what, const std::string& holder) {
    return absl::FailedPreconditionError(
        absl::StrCat("service ", name, ": another service has ", what, ": ", holder));
  };
  for (const auto& [address, owner] : after.addresses) {
    const auto holder = address_holders_.find(address);
    if (holder != address_holders_.end() && holder->second != name) {
      return taken(address.ToString(), holder->second);
    }
  }
  std::vector<Spec> specs;
  for (const auto& [endpoint, spec] : after.specs) {
    const auto holder = holders_.find(endpoint);
    if (holder != holders_.end() && holder->second != name) {
      return taken(ToText(endpoint), holder->second);
    }
    specs.push_back(spec);
  }
  return tables_.services.Check(specs);
}

// One that is the same in `before` stays as it is: its ring may have taken long.
void Services::SetSpecs(const Published& before, const Published& after) {
  for (const auto& [endpoint, spec] : after.specs) {
    const auto old = before.specs.find(endpoint);
    if (old != before.specs.end() && old->second == spec) continue;
    CHECK(tables_.services.Set(spec).ok()) << spec.name;  // it was checked
  }
}

absl::Status Services::ClaimAddresses(const std::string& name, const Published& before,
                                      const Published& after, uint64_t generation) {
  std::vector<std::pair<Ipv4Address, std::string>> claimed;
  for (const auto& [address, owner] : after.addresses) {
    if (before.addresses.contains(address)) continue;
    const absl::Status status = owners_.Claim(owner, Ipv4Prefix::Host(address), generation);
    if (status.ok()) {
      if (!lingering_addresses_.contains(address)) claimed.emplace_back(address, owner);
      continue;
    }
    for (const auto& [other, its_owner] : claimed) {
      owners_.Release(its_owner, Ipv4Prefix::Host(other), generation).IgnoreError();
    }
    return absl::Status(status.code(),
                        absl::StrCat("service ", name, ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

// What `before` has and `after` hasn't. What is to be had at the node's own addresses goes at once:
// the kernel refuses there.
void Services::LetLinger(const Published& before, const Published& after, uint64_t generation,
                         absl::Time now) {
  const absl::Time until = now + kLinger;
  for (const auto& [endpoint, spec] : before.specs) {
    if (after.specs.contains(endpoint)) continue;
    holders_.erase(endpoint);
    if (before.addresses.contains(endpoint.address)) {
      CHECK(tables_.services.Set(Lingering(spec)).ok()) << spec.name;
      lingering_[endpoint] = until;
    } else {
      CHECK(tables_.services.Remove(endpoint).ok()) << spec.name;
    }
  }
  for (const auto& [address, owner] : before.addresses) {
    if (after.addresses.contains(address)) continue;
    address_holders_.erase(address);
    lingering_addresses_[address] = until;
    if (owner != kExternal) continue;
    const absl::Status status = owners_.Claim(kFormer, Ipv4Prefix::Host(address), generation);
    LOG_IF(ERROR, !status.ok()) << status.message();
  }
  for (const auto& [endpoint, spec] : after.specs) lingering_.erase(endpoint);
  for (const auto& [address, owner] : after.addresses) lingering_addresses_.erase(address);
}

}  // namespace podwarp
