// The node's services: what the configuration says of them, published to workers, who find a
// service by address, protocol and port and choose a backend there. A service's port is found at
// its cluster address, at each external address and, by its node port, at each address of the node.
//
// Routes of cluster addresses lead to the owner "services" in AddressOwners, those of external ones
// to "external services". The node's own addresses have routes already.
//
// What goes lingers for a minute, without backends: who still calls or waits there is refused at
// once, where an address that leads nowhere would leave it waiting. Whoever else is to have the
// address or port in that time gets it: on this node, and, of external addresses, anybody on the
// wire, for whose sake they lead to "former services", whom no uplink answers ARP for.
//
// Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "control/address_owners.h"
#include "control/config.h"

namespace podwarp {

// "default/web:http"; "default/web:80/tcp" if the port has no name.
std::string NameOf(const ServiceConfig& service, const ServicePortConfig& port);

class Services {
 public:
  static constexpr absl::Duration kLinger = absl::Seconds(60);

  // What services need to know of the node.
  struct Settings {
    uint64_t tsc_hz;  // TSC cycles in a second
    std::string node_name;
    std::vector<Ipv4Prefix> pod_ranges;  // this node's
    std::vector<Ipv4Address> addresses;  // the node's own: node ports are there
  };
  // The pointers outlive it.
  Services(Settings settings, Tables* tables, AddressOwners* owners);

  // Adds the owners. Errors: those of AddressOwners::Add.
  absl::Status Start();
  // To which the routes of cluster addresses, of external ones and of former external ones lead;
  // kUnusedAdjacency before Start().
  AdjacencyIndex adjacency() const;
  AdjacencyIndex external_adjacency() const;
  AdjacencyIndex former_adjacency() const;

  // A service comes (`before` is nullptr), changes, or goes (`after` is nullptr). Backends that it
  // has before and after, behind the same port, keep their connections. `generation`: no smaller
  // than at any call before. Errors, with nothing changed: FailedPrecondition (it is there already,
  // or not there; another service has its address or node port), ResourceExhausted, InvalidArgument
  // (a backend twice).
  absl::Status Apply(const ServiceConfig* before, const ServiceConfig* after, uint64_t generation,
                     absl::Time now);
  // Ends what has lingered for long enough.
  void Tick(uint64_t generation, absl::Time now);

  const std::map<std::string, ServiceConfig>& all() const { return all_; }  // by namespace/name

 private:
  using Spec = ServiceTable::ServiceSpec;
  // A service as workers know it.
  struct Published {
    absl::flat_hash_map<Endpoint, Spec> specs;
    absl::flat_hash_map<Ipv4Address, std::string> addresses;  // and whose owner's they are
  };

  Published WhatToPublish(const ServiceConfig& service) const;
  bool IsHere(const BackendConfig& backend) const;
  absl::Status CheckFree(const std::string& name, const Published& after) const;
  void SetSpecs(const Published& before, const Published& after);
  absl::Status ClaimAddresses(const std::string& name, const Published& before,
                              const Published& after, uint64_t generation);
  void LetLinger(const Published& before, const Published& after, uint64_t generation,
                 absl::Time now);
  AdjacencyIndex AdjacencyOf(const char* owner) const;

  const Settings settings_;
  Tables& tables_;
  AddressOwners& owners_;
  std::map<std::string, ServiceConfig> all_;
  absl::flat_hash_map<Endpoint, std::string> holders_;  // of those that don't linger: whose it is
  absl::flat_hash_map<Ipv4Address, std::string> address_holders_;  // the same
  absl::flat_hash_map<Endpoint, absl::Time> lingering_;            // until when
  absl::flat_hash_map<Ipv4Address, absl::Time> lingering_addresses_;
};

}  // namespace podwarp
