// Longest-prefix match from an IPv4 address to an adjacency.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  single 32-bit entries, stored with release order; a group of 256 is filled before the
//             entry that points to it is stored.
//   Reclaim:  groups, and the old array of groups after growth, after a grace period.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/rcu.h"

namespace podwarp {

class RouteTable {
 public:
  explicit RouteTable(Rcu* rcu);
  ~RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // --- Readers. kNoAdjacency where no route matches. ---
  AdjacencyIndex Lookup(Ipv4Address address) const;
  // `addresses` in the host's order.
  void LookupBulk(const uint32_t* addresses, AdjacencyIndex* adjacencies, uint32_t count) const;

  // --- The writer. ---
  // Adds the route or points it elsewhere. Errors: ResourceExhausted, with nothing changed.
  absl::Status Set(const Ipv4Prefix& prefix, AdjacencyIndex adjacency);
  // Errors: NotFound if there is no route for exactly this prefix.
  absl::Status Remove(const Ipv4Prefix& prefix);
  // The adjacency of exactly this prefix, kNoAdjacency if there is no such route.
  AdjacencyIndex Find(const Ipv4Prefix& prefix) const;
  size_t size() const;  // routes
};

}  // namespace podwarp
