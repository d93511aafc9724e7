// Readers look up while the writer changes routes, and must never get a wrong next hop.
//
// How a wrong one is known: every adjacency names the route it was made for, and is never used for
// another one. So whatever a lookup finds must be a route that contains the address. Some routes
// are permanent; a result may be longer than the longest permanent route over the address, never
// shorter. A group or an adjacency that is used again too early, a range that falls to a shorter
// route for a moment, or a group shown before it is filled all break one of these.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/route_table.h"

namespace podwarp {
namespace {

// More readers than most machines have cores: one that is preempted between its two loads is the
// one that finds a group used again too early.
constexpr uint32_t kReaders = 4;
constexpr uint32_t kChanges = 100'000;

// The first 16 addresses of four ranges of /24. So few that a burst has them all, and hits the
// moment of a change often.
constexpr uint32_t kRanges = 4;
constexpr uint32_t kRangeAddresses = 16;
constexpr uint32_t kBurst = kRanges * kRangeAddresses;
constexpr Ipv4Prefix kEverything(Ipv4Address(10, 0, 0, 0), 22);

uint32_t AddressOf(uint32_t i) {
  return kEverything.network().value() + i / kRangeAddresses * 256 + i % kRangeAddresses;
}

Adjacency For(const Ipv4Prefix& prefix) {
  Adjacency adjacency;
  adjacency.kind = NextHopKind::kPod;
  adjacency.owner = prefix.network().value();
  adjacency.vlan_id = prefix.length();
  return adjacency;
}
Ipv4Prefix RouteOf(const Adjacency& adjacency) {
  return Ipv4Prefix(Ipv4Address(adjacency.owner), static_cast<uint8_t>(adjacency.vlan_id));
}

class Writer {
 public:
  Writer(AdjacencyTable* adjacencies, RouteTable* routes)
      : adjacencies_(adjacencies), routes_(routes) {}

  void Set(const Ipv4Prefix& prefix) {
    const AdjacencyIndex adjacency = adjacencies_->Add(For(prefix)).value();
    const AdjacencyIndex before = routes_->Find(prefix);
    ASSERT_TRUE(routes_->Set(prefix, adjacency).ok());
    if (before != kNoAdjacency) adjacencies_->Remove(before);
  }
  void Remove(const Ipv4Prefix& prefix) {
    const AdjacencyIndex before = routes_->Find(prefix);
    ASSERT_TRUE(routes_->Remove(prefix).ok());
    adjacencies_->Remove(before);
  }

 private:
  AdjacencyTable* const adjacencies_;
  RouteTable* const routes_;
};

TEST(RouteTableConcurrency, ALookupIsNeverWrong) {
  Rcu rcu(kReaders);
  AdjacencyTable adjacencies(&rcu, 1 << 16);
  RouteTable routes(&rcu);
  Writer writer(&adjacencies, &routes);

  // One over everything, a /24 over every second range, in one of these longer ones too. The other
  // ranges lose their groups whenever they lose their last longer route.
  const std::vector<Ipv4Prefix> permanent = {kEverything, Ipv4Prefix(Ipv4Address(10, 0, 0, 0), 24),
                                             Ipv4Prefix(Ipv4Address(10, 0, 2, 0), 24),
                                             Ipv4Prefix(Ipv4Address(10, 0, 2, 4), 30),
                                             Ipv4Prefix(Ipv4Address(10, 0, 2, 5), 32)};
  std::vector<Ipv4Prefix> floor(kBurst);
  for (const Ipv4Prefix& prefix : permanent) {  // shorter ones come first
    writer.Set(prefix);
    for (uint32_t i = 0; i < kBurst; ++i) {
      if (prefix.Contains(Ipv4Address(AddressOf(i)))) floor[i] = prefix;
    }
  }

  std::atomic<uint64_t> wrong = 0;
  std::atomic<bool> seen_change = false;
  std::atomic<uint32_t> running = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (uint32_t reader = 0; reader < kReaders; ++reader) {
    rcu.Register(reader);
    readers.emplace_back([&, reader] {
      uint32_t addresses[kBurst];
      for (uint32_t i = 0; i < kBurst; ++i) addresses[i] = AddressOf(i);
      AdjacencyIndex found[kBurst];
      rcu.Online(reader);
      for (bool first = true; !stop.load(std::memory_order_relaxed); first = false) {
        routes.LookupBulk(addresses, found, kBurst);
        for (uint32_t i = 0; i < kBurst; ++i) {
          const Ipv4Prefix route = RouteOf(adjacencies[found[i]]);
          if (found[i] == kNoAdjacency || !route.Contains(Ipv4Address(addresses[i])) ||
              route.length() < floor[i].length()) {
            ++wrong;
          }
          if (route.length() > floor[i].length()) seen_change = true;
        }
        rcu.Quiescent(reader);
        if (first) ++running;
      }
      rcu.Offline(reader);
    });
  }
  while (running < kReaders) std::this_thread::yield();

  // Few routes at a time, so that ranges get and lose their groups all the time.
  std::mt19937 random(7);
  std::vector<Ipv4Prefix> changing;
  for (uint32_t change = 0; change < kChanges; ++change) {
    const Ipv4Prefix prefix(Ipv4Address(AddressOf(static_cast<uint32_t>(random() % kBurst))),
                            static_cast<uint8_t>(random() % 4 == 0 ? 23 + random() % 9 : 32));
    const bool exists = routes.Find(prefix) != kNoAdjacency;
    if (changing.size() < 4 && !exists) {
      writer.Set(prefix);
      changing.push_back(prefix);
    } else if (changing.empty() || random() % 4 == 0) {
      writer.Set(changing.empty() || random() % 2 == 0 ? permanent[random() % permanent.size()]
                                                       : changing[random() % changing.size()]);
    } else {
      std::swap(changing[random() % changing.size()], changing.back());
      writer.Remove(changing.back());
      changing.pop_back();
    }
    // Short queues: what is retired is used again at once.
    rcu.Poll();
    if (rcu.pending() > 1000) rcu.Synchronize();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (uint32_t reader = 0; reader < kReaders; ++reader) rcu.Unregister(reader);

  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(seen_change);
  for (const Ipv4Prefix& prefix : changing) writer.Remove(prefix);
  for (uint32_t i = 0; i < kBurst; ++i) {
    EXPECT_EQ(RouteOf(adjacencies[routes.Lookup(Ipv4Address(AddressOf(i)))]), floor[i]) << i;
  }
  EXPECT_EQ(routes.groups(), 1u);
}

}  // namespace
}  // namespace podwarp
