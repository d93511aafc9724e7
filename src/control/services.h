// The node's services: what the configuration says of them, published to workers, who find a
// service by its address, protocol and port and choose a backend there.
//
// All services' addresses lead to the one owner "services" in AddressOwners.
//
// Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "control/address_owners.h"
#include "control/config.h"

namespace podwarp {

// "default/web:http"; "default/web:80/tcp" if the port has no name.
std::string NameOf(const ServiceConfig& service, const ServicePortConfig& port);

class Services {
 public:
  // `tsc_hz`: TSC cycles in a second. The pointers outlive it.
  Services(uint64_t tsc_hz, Tables* tables, AddressOwners* owners)
      : tsc_hz_(tsc_hz), tables_(*tables), owners_(*owners) {}

  // Adds the owner. Errors: those of AddressOwners::Add.
  absl::Status Start();
  // To which the routes of all services' addresses lead; kNoAdjacency before Start().
  AdjacencyIndex adjacency() const;

  // A service comes (`before` is nullptr), changes, or goes (`after` is nullptr). Backends that it
  // has before and after, behind the same port, keep their connections. `generation`: no smaller
  // than at any call before. Errors, with nothing changed: FailedPrecondition (it is there already,
  // or not there; another service has its address), ResourceExhausted, InvalidArgument (a backend
  // twice).
  absl::Status Apply(const ServiceConfig* before, const ServiceConfig* after, uint64_t generation);

  const std::map<std::string, ServiceConfig>& all() const { return all_; }  // by namespace/name

 private:
  std::vector<ServiceTable::ServiceSpec> SpecsOf(const ServiceConfig& service) const;
  absl::Status Come(const ServiceConfig& service, uint64_t generation);
  void Go(const ServiceConfig& service, uint64_t generation);
  void SetPorts(const ServiceConfig& service, const ServiceConfig* before);
  void RemovePorts(const ServiceConfig& service, const ServiceConfig* but_of);

  const uint64_t tsc_hz_;
  Tables& tables_;
  AddressOwners& owners_;
  std::map<std::string, ServiceConfig> all_;
};

}  // namespace podwarp
