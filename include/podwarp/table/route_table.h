// Longest-prefix match from an IPv4 address to an adjacency.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  single 32-bit entries, stored with release order; a group is filled before the entry
//             that points to it is stored. At every moment a reader gets for an address the result
//             before a change or the one after it, never a third.
//   Reclaim:  a group that is no longer pointed to, after a grace period. Nothing else ever moves.
//
// Theory of operation (DIR-24-8: Gupta, Lin, McKeown, "Routing Lookups in Hardware at Memory Access
// Speeds", 1998). An address's first 24 bits index `ranges_`, an array of 2^24 entries, one a /24.
// An entry is a result or, if a route longer than /24 lies inside, the number of a group of 256
// entries, one an address. So a lookup is one or two loads. What was measured to choose this over
// rte_fib and rte_lpm stands in src/table/route_table.cc.
//
// A result carries the length of its route beside the adjacency. This alone makes changes simple:
// what a route may overwrite, and what it leaves behind, are the entries in its range whose length
// is not greater than its own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/table_memory.h"

namespace podwarp {

class RouteTable {
 public:
  // Groups of 1 KiB that address space is reserved for by default: 4 GiB. A million pods take 4,000
  // groups at 256 a /24, 65,000 at 16 a /24, and a million if each has a /24 of its own.
  static constexpr uint32_t kDefaultMaxGroups = uint32_t{1} << 22;

  // Takes 64 MiB for the first level and 1 KiB a group, as far as they are used. CHECKs that the
  // address space can be had.
  explicit RouteTable(Rcu* rcu, uint32_t max_groups = kDefaultMaxGroups);
  ~RouteTable();  // waits for online readers, as does the adjacency table's
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // --- Readers. kNoAdjacency where no route matches. ---
  AdjacencyIndex Lookup(Ipv4Address address) const { return Lookup(address.value()); }
  // `addresses` in the host's order. `adjacencies` may be the same array.
  void LookupBulk(const uint32_t* addresses, AdjacencyIndex* adjacencies, uint32_t count) const;

  // --- The writer. ---
  // Adds the route or points it elsewhere. REQUIRES: adjacency != kNoAdjacency.
  // Takes under a microsecond for one address, and grows with the range: it stores every entry of
  // it, for a default route 2^24, which takes some 40 ms.
  // Errors: ResourceExhausted, with nothing changed.
  absl::Status Set(const Ipv4Prefix& prefix, AdjacencyIndex adjacency);
  // Errors: NotFound if there is no route for exactly this prefix.
  absl::Status Remove(const Ipv4Prefix& prefix);
  // The adjacency of exactly this prefix, kNoAdjacency if there is no such route.
  AdjacencyIndex Find(const Ipv4Prefix& prefix) const;

  size_t size() const { return routes_.size(); }
  uint32_t groups() const { return groups_in_use_; }  // without those that wait for readers

 private:
  // Bit 31 set: bits 0 to 23 are a group. Clear: bits 25 to 30 are the length of the route, bits 0
  // to 24 its adjacency. All zeros: no route.
  using Entry = uint32_t;
  static constexpr Entry kGroupFlag = Entry{1} << 31;
  static constexpr int kLengthShift = kAdjacencyIndexBits;
  static constexpr Entry kIndexMask = (Entry{1} << kAdjacencyIndexBits) - 1;
  static constexpr uint32_t kGroupSize = 256;

  static Entry MakeResult(uint8_t length, AdjacencyIndex adjacency) {
    return Entry{length} << kLengthShift | adjacency;
  }
  static bool IsGroup(Entry entry) { return (entry & kGroupFlag) != 0; }
  static uint8_t LengthOf(Entry result) { return static_cast<uint8_t>(result >> kLengthShift); }
  // The group's entry for `address`; the flag falls off at the left.
  std::atomic<Entry>& InGroup(Entry group, uint32_t address) const {
    return addresses_[group << 8 | (address & 0xff)];
  }

  AdjacencyIndex Lookup(uint32_t address) const;
  absl::Status SplitRange(uint32_t range, const Ipv4Prefix& prefix);
  void JoinRange(uint32_t range, Entry result);
  Entry ResultWithout(const Ipv4Prefix& prefix) const;
  void Paint(const Ipv4Prefix& prefix, Entry result);
  static void PaintEntries(std::atomic<Entry>* entries, uint32_t count, uint8_t length,
                           Entry result);

  Rcu* const rcu_;
  const uint32_t max_groups_;
  TableMemory range_memory_;
  TableMemory group_memory_;
  std::atomic<Entry>* const ranges_;     // by address >> 8
  std::atomic<Entry>* const addresses_;  // by group << 8 | address & 0xff

  // The writer's own. An ordered tree rather than a hash table: it has no rehashing of a million
  // routes in the middle of one change.
  absl::btree_map<Ipv4Prefix, AdjacencyIndex> routes_;
  std::array<uint32_t, 33> routes_of_length_ = {};
  std::vector<uint16_t> routes_in_group_;  // longer than /24; by group
  std::vector<uint32_t> free_groups_;
  uint32_t groups_in_use_ = 0;
};

inline AdjacencyIndex RouteTable::Lookup(uint32_t address) const {
  Entry entry = ranges_[address >> 8].load(std::memory_order_acquire);
  if (IsGroup(entry)) entry = InGroup(entry, address).load(std::memory_order_acquire);
  return entry & kIndexMask;
}

}  // namespace podwarp
