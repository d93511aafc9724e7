#include "control/services.h"

#include <glog/logging.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "control/connection_expiry.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

constexpr char kServices[] = "services";

Endpoint EndpointOf(const ServiceConfig& service, const ServicePortConfig& port) {
  return {.address = service.address, .port = Be16(port.port), .protocol = port.protocol};
}

bool HasPort(const ServiceConfig& service, const Endpoint& endpoint) {
  return std::any_of(
      service.ports.begin(), service.ports.end(),
      [&](const ServicePortConfig& port) { return EndpointOf(service, port) == endpoint; });
}

}  // namespace

std::string NameOf(const ServiceConfig& service, const ServicePortConfig& port) {
  return absl::StrCat(service.full_name(), ":",
                      port.name.empty()
                          ? absl::StrCat(port.port, "/", std::string(ProtocolWord(port.protocol)))
                          : port.name);
}

absl::Status Services::Start() { return owners_.Add(kServices, {.kind = NextHopKind::kService}); }

AdjacencyIndex Services::adjacency() const {
  const AddressOwners::Owner* owner = owners_.Find(kServices);
  return owner == nullptr ? kNoAdjacency : owner->adjacency;
}

absl::Status Services::Apply(const ServiceConfig* before, const ServiceConfig* after,
                             uint64_t generation) {
  const std::string name = (before != nullptr ? before : after)->full_name();
  const auto found = all_.find(name);
  if ((found == all_.end()) != (before == nullptr)) {
    return absl::FailedPreconditionError(
        absl::StrCat("service ", name, before == nullptr ? " is there already" : " is not there"));
  }
  if (after == nullptr) {
    Go(found->second, generation);
    all_.erase(found);
    return absl::OkStatus();
  }
  if (absl::Status status = tables_.services.Check(SpecsOf(*after)); !status.ok()) return status;
  const ServiceConfig* old = before == nullptr ? nullptr : &found->second;
  if (old != nullptr && old->address == after->address) {
    SetPorts(*after, old);
    RemovePorts(*old, after);
  } else {
    if (absl::Status status = Come(*after, generation); !status.ok()) return status;
    if (old != nullptr) Go(*old, generation);
  }
  all_[name] = *after;
  return absl::OkStatus();
}

// Ports before the address: no packet finds a service without them.
absl::Status Services::Come(const ServiceConfig& service, uint64_t generation) {
  const Ipv4Prefix address = Ipv4Prefix::Host(service.address);
  const std::string who = absl::StrCat("service ", service.full_name(), ": ");
  if (owners_.HolderOf(address) == kServices) {
    return absl::FailedPreconditionError(
        absl::StrCat(who, "another service has ", service.address.ToString()));
  }
  SetPorts(service, nullptr);
  const absl::Status status = owners_.Claim(kServices, address, generation);
  if (status.ok()) return status;
  RemovePorts(service, nullptr);
  return absl::Status(status.code(), absl::StrCat(who, std::string(status.message())));
}

void Services::Go(const ServiceConfig& service, uint64_t generation) {
  CHECK(owners_.Release(kServices, Ipv4Prefix::Host(service.address), generation).ok());
  RemovePorts(service, nullptr);
}

// A port that is the same in `before` stays as it is: its ring may have taken long.
void Services::SetPorts(const ServiceConfig& service, const ServiceConfig* before) {
  const bool same_for_all =
      before != nullptr && before->session_affinity == service.session_affinity;
  const std::vector<ServiceTable::ServiceSpec> specs = SpecsOf(service);
  for (size_t i = 0; i < specs.size(); ++i) {
    const ServiceTable::ServiceSpec& spec = specs[i];
    if (same_for_all &&
        std::count(before->ports.begin(), before->ports.end(), service.ports[i]) > 0) {
      continue;
    }
    CHECK(tables_.services.Set(spec).ok()) << spec.name;  // it was checked
  }
}

void Services::RemovePorts(const ServiceConfig& service, const ServiceConfig* but_of) {
  for (const ServicePortConfig& port : service.ports) {
    const Endpoint endpoint = EndpointOf(service, port);
    if (but_of == nullptr || !HasPort(*but_of, endpoint)) {
      CHECK(tables_.services.Remove(endpoint).ok()) << NameOf(service, port);
    }
  }
}

std::vector<ServiceTable::ServiceSpec> Services::SpecsOf(const ServiceConfig& service) const {
  std::vector<ServiceTable::ServiceSpec> specs;
  for (const ServicePortConfig& port : service.ports) {
    ServiceTable::ServiceSpec& spec = specs.emplace_back();
    spec.name = NameOf(service, port);
    spec.endpoint = EndpointOf(service, port);
    if (service.session_affinity > absl::ZeroDuration()) {
      spec.affinity_ticks = ConnectionTicks(service.session_affinity, tsc_hz_);
    }
    for (const BackendConfig& backend : port.backends) {
      spec.backends.push_back({.address = backend.address,
                               .port = Be16(backend.port),
                               .is_terminating = backend.phase == BackendPhase::kTerminating});
    }
  }
  return specs;
}

}  // namespace podwarp
