// Who has which address: everything an address can lead to is an owner (a pod, a remote node, the
// gateway, the host, a range that nobody fills yet), with one adjacency and any number of prefixes.
//
// It alone writes routes and adjacencies. Thread rule: the control thread.
//
// Changes carry generations, since they can arrive late and out of order: for each prefix the
// highest generation seen counts, and a change with a lower one is refused. It is remembered over
// removal, so that an old change can't revive an old place (rule 14).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "podwarp/dataplane/tables.h"
#include "podwarp/net/ip_prefix.h"

namespace podwarp {

class AddressOwners {
 public:
  struct Owner {
    AdjacencyIndex adjacency = kNoAdjacency;
    absl::btree_set<Ipv4Prefix> prefixes;
  };

  explicit AddressOwners(Tables* tables) : tables_(*tables) {}

  // `name`: unique, and what reports call the owner: "pod default/web-1", "node node-b", "gateway".
  // Errors: AlreadyExists; ResourceExhausted.
  absl::Status Add(const std::string& name, const Adjacency& adjacency);
  // All addresses of the owner lead by `adjacency` from now on. `publish_others` moves whatever
  // else holds the owner's adjacency, before the old one is given up: an index must not be found
  // anywhere once its grace period begins. Errors: NotFound, ResourceExhausted.
  absl::Status Change(
      const std::string& name, const Adjacency& adjacency,
      const std::function<void()>& publish_others = [] {});
  // The owner and its prefixes; an address may then fall back to a wider prefix's owner.
  // Errors: NotFound.
  absl::Status Remove(const std::string& name);

  // The prefix belongs to `name`, whoever had it before. Errors: NotFound (no such owner),
  // FailedPrecondition (the change is older than what is known; names both), ResourceExhausted.
  absl::Status Claim(const std::string& name, const Ipv4Prefix& prefix, uint64_t generation);
  // The prefix is nobody's, if `name` still has it. Errors: FailedPrecondition as above.
  absl::Status Release(const std::string& name, const Ipv4Prefix& prefix, uint64_t generation);

  // nullptr if there is no such owner.
  const Owner* Find(std::string_view name) const;
  // Who has exactly this prefix; empty if nobody.
  std::string_view HolderOf(const Ipv4Prefix& prefix) const;
  // Who a frame to `address` would lead to; empty if there is no route.
  std::string_view OwnerOf(Ipv4Address address) const;
  // Whose adjacency it is; empty if nobody's.
  std::string_view NameOf(AdjacencyIndex adjacency) const;
  // By name, in no order.
  const absl::flat_hash_map<std::string, Owner>& all() const { return owners_; }

 private:
  struct Holding {
    std::string owner;  // empty: released
    uint64_t generation = 0;
  };

  absl::Status CheckGeneration(const Ipv4Prefix& prefix, uint64_t generation) const;
  void Unroute(const Ipv4Prefix& prefix);

  Tables& tables_;
  absl::flat_hash_map<std::string, Owner> owners_;
  absl::flat_hash_map<Ipv4Prefix, Holding> holdings_;
  absl::flat_hash_map<AdjacencyIndex, std::string> names_;
};

}  // namespace podwarp
