#include "podwarp/table/route_table.h"

#include <glog/logging.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

// Why this table. bench_route_table, 2026-11-22, 2 vCPU AMD EPYC (Zen 4), DPDK 22.11; medians of 7
// alternating runs. Routes of /32 are 256 (dense) or 16 (sparse) a /24. rte_lpm adds by a scan of
// its rules, so that a million of them would take hours.
//
//   lookup of 64, cycles an address         this table   rte_fib   its AVX-512   rte_lpm
//     16 k flows, 256 ranges of /24                1.5       2.5           1.2       1.5
//     16 k flows, a million /32, dense             4.4       5.9           7.2         -
//     16 k flows, a million /32, sparse            9.8      10.6            16         -
//     all of the million, dense                    5.1       6.8           7.6         -
//     all of the million, sparse                    25        34            40         -
//
//   add / remove a /32, us                  this table     rte_fib       rte_lpm
//     among 1,000 others, sparse           0.10 / 0.11   0.29 / 0.14   0.85 / 0.39
//     among 100,000                        0.15 / 0.17   1.45 / 1.29     62 / 33
//     among 1,000,000                      0.62 / 0.61   2.98 / 2.21             -
//     among 1,000,000, first of its /24    0.22 / 0.15   0.62 / 0.25             -
//
//   memory for a million, MiB: dense 22, sparse 80 (16 of it the routes); rte_fib 522 at once
//
// rte_fib moreover does not grow, and before DPDK 24.11 has no RCU: a group that it uses again may
// misroute a reader. Of what could keep the routes, btree_map takes 0.24 us for a random add while
// it grows to a million, at worst 0.2 ms; flat_hash_map 0.13 us, but 20 ms whenever it rehashes;
// rte_rib 1.0 us, of a fixed number of nodes in the EAL's memory. With the length in every entry no
// walk over longer routes is needed, which is what a trie would be for.

namespace podwarp {
namespace {

constexpr uint32_t kRanges = uint32_t{1} << 24;

}  // namespace

static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

RouteTable::RouteTable(Rcu* rcu, uint32_t max_groups)
    : rcu_(rcu),
      max_groups_(max_groups),
      range_memory_(kRanges * sizeof(Entry)),
      group_memory_(size_t{max_groups} * kGroupSize * sizeof(Entry)),
      ranges_(static_cast<std::atomic<Entry>*>(range_memory_.data())),
      addresses_(static_cast<std::atomic<Entry>*>(group_memory_.data())) {
  CHECK_LE(max_groups, kRanges);
}

RouteTable::~RouteTable() { rcu_->Synchronize(); }  // what was retired points back to this table

// Plain on purpose: the processor keeps many of these loads in flight by itself. Measured for 64
// addresses in cycles an address, against two passes with a prefetch of groups / AVX-512 gathers:
// 256 ranges 1.5 (3.6 / 1.0), 16 k flows in a dense million 4.4 (4.1 / 5.7), in a sparse one 8.7
// (11 / 15), uniform over a dense million 4.7 (4.6 / 6.2), over a sparse one 26 (17 / 37).
void RouteTable::LookupBulk(const uint32_t* addresses, AdjacencyIndex* adjacencies,
                            uint32_t count) const {
  for (uint32_t i = 0; i < count; ++i) adjacencies[i] = Lookup(addresses[i]);
}

absl::Status RouteTable::Set(const Ipv4Prefix& prefix, AdjacencyIndex adjacency) {
  CHECK_NE(adjacency, kNoAdjacency) << "route " << prefix.ToString();
  CHECK_LE(adjacency, kIndexMask) << "route " << prefix.ToString();
  const auto [route, is_new] = routes_.try_emplace(prefix, adjacency);
  if (is_new) {
    if (prefix.length() > 24) {
      const absl::Status split = SplitRange(prefix.network().value() >> 8, prefix);
      if (!split.ok()) {
        routes_.erase(route);
        return split;
      }
    }
    ++routes_of_length_[prefix.length()];
  } else {
    route->second = adjacency;
  }
  Paint(prefix, MakeResult(prefix.length(), adjacency));
  return absl::OkStatus();
}

absl::Status RouteTable::Remove(const Ipv4Prefix& prefix) {
  if (routes_.erase(prefix) == 0) {
    return absl::NotFoundError(absl::StrCat("there is no route ", prefix.ToString()));
  }
  --routes_of_length_[prefix.length()];
  const Entry result = ResultWithout(prefix);
  if (prefix.length() > 24) {
    const uint32_t range = prefix.network().value() >> 8;
    const Entry group = ranges_[range].load(std::memory_order_relaxed) & kIndexMask;
    if (--routes_in_group_[group] == 0) {
      JoinRange(range, result);
      return absl::OkStatus();
    }
  }
  Paint(prefix, result);
  return absl::OkStatus();
}

AdjacencyIndex RouteTable::Find(const Ipv4Prefix& prefix) const {
  const auto route = routes_.find(prefix);
  return route == routes_.end() ? kNoAdjacency : route->second;
}

// Sees to it that the /24 has a group, and counts `prefix` in it. A new group says the same as the
// entry it replaces, so readers notice nothing.
absl::Status RouteTable::SplitRange(uint32_t range, const Ipv4Prefix& prefix) {
  const Entry entry = ranges_[range].load(std::memory_order_relaxed);
  if (IsGroup(entry)) {
    ++routes_in_group_[entry & kIndexMask];
    return absl::OkStatus();
  }
  uint32_t group;
  if (!free_groups_.empty()) {
    group = free_groups_.back();
    free_groups_.pop_back();
  } else {
    group = static_cast<uint32_t>(routes_in_group_.size());
    if (group == max_groups_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no room for route ", prefix.ToString(), ": ", group,
                       " ranges of 256 addresses have routes longer than /24 already"));
    }
    routes_in_group_.push_back(0);
  }
  ++groups_in_use_;
  routes_in_group_[group] = 1;
  for (uint32_t i = 0; i < kGroupSize; ++i) {
    InGroup(group, i).store(entry, std::memory_order_relaxed);
  }
  ranges_[range].store(kGroupFlag | group, std::memory_order_release);
  return absl::OkStatus();
}

// The last route longer than /24 in this range is gone: `result` holds for all of it. The group is
// left as it is, since a reader may stand between its two loads.
void RouteTable::JoinRange(uint32_t range, Entry result) {
  const Entry group = ranges_[range].load(std::memory_order_relaxed) & kIndexMask;
  ranges_[range].store(result, std::memory_order_release);
  --groups_in_use_;
  rcu_->Retire([this, group] { free_groups_.push_back(group); });
}

// What the addresses of `prefix` get without a route for it: from the next shorter one.
RouteTable::Entry RouteTable::ResultWithout(const Ipv4Prefix& prefix) const {
  for (int length = prefix.length() - 1; length >= 0; --length) {
    if (routes_of_length_[length] == 0) continue;
    const auto route = routes_.find(Ipv4Prefix(prefix.network(), static_cast<uint8_t>(length)));
    if (route != routes_.end()) return MakeResult(route->first.length(), route->second);
  }
  return MakeResult(0, kNoAdjacency);
}

// Stores `result` wherever in the range of `prefix` no longer route holds. This serves a new route
// (over shorter ones), a changed one (over itself) and a removed one (nothing shorter is there).
void RouteTable::Paint(const Ipv4Prefix& prefix, Entry result) {
  const uint32_t first = prefix.network().value();
  const uint32_t last = prefix.last().value();
  const uint8_t length = prefix.length();
  if (length > 24) {
    const Entry group = ranges_[first >> 8].load(std::memory_order_relaxed);
    PaintEntries(&InGroup(group, first), last - first + 1, length, result);
    return;
  }
  for (uint32_t range = first >> 8; range <= last >> 8; ++range) {
    const Entry entry = ranges_[range].load(std::memory_order_relaxed);
    if (IsGroup(entry)) {
      PaintEntries(&InGroup(entry, 0), kGroupSize, length, result);
    } else {
      PaintEntries(&ranges_[range], 1, length, result);
    }
  }
}

void RouteTable::PaintEntries(std::atomic<Entry>* entries, uint32_t count, uint8_t length,
                              Entry result) {
  for (uint32_t i = 0; i < count; ++i) {
    if (LengthOf(entries[i].load(std::memory_order_relaxed)) <= length) {
      entries[i].store(result, std::memory_order_release);
    }
  }
}

}  // namespace podwarp
