#include "podwarp/table/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace podwarp {
namespace {

using testing::HasSubstr;

Ipv4Prefix Prefix(std::string_view text) { return Ipv4Prefix::Parse(text).value(); }
Ipv4Address Address(std::string_view text) { return Ipv4Address::Parse(text).value(); }

class RouteTableTest : public testing::Test {
 protected:
  void Set(std::string_view prefix, AdjacencyIndex adjacency) {
    EXPECT_TRUE(table_.Set(Prefix(prefix), adjacency).ok()) << prefix;
  }
  void Remove(std::string_view prefix) {
    EXPECT_TRUE(table_.Remove(Prefix(prefix)).ok()) << prefix;
  }
  AdjacencyIndex Lookup(std::string_view address) { return table_.Lookup(Address(address)); }

  Rcu rcu_{1};
  RouteTable table_{&rcu_};
};

TEST_F(RouteTableTest, EmptyKnowsNoAddress) {
  for (const char* address : {"0.0.0.0", "10.0.0.1", "255.255.255.255"})
    EXPECT_EQ(Lookup(address), kNoAdjacency) << address;
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(RouteTableTest, LongestPrefixWinsWhateverTheOrder) {
  struct Route {
    const char* prefix;
    AdjacencyIndex adjacency;
  };
  std::vector<Route> routes = {{"0.0.0.0/0", 1},       {"10.0.0.0/8", 2},     {"10.244.0.0/16", 3},
                               {"10.244.1.0/24", 4},   {"10.244.1.0/25", 5},  {"10.244.1.64/26", 6},
                               {"10.244.1.100/32", 7}, {"10.244.1.255/32", 8}};
  std::mt19937 random(1);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(routes.begin(), routes.end(), random);
    for (const Route& route : routes) Set(route.prefix, route.adjacency);
    EXPECT_EQ(table_.size(), routes.size());
    EXPECT_EQ(Lookup("0.0.0.0"), 1u);
    EXPECT_EQ(Lookup("9.255.255.255"), 1u);
    EXPECT_EQ(Lookup("10.0.0.0"), 2u);
    EXPECT_EQ(Lookup("10.244.0.255"), 3u);
    EXPECT_EQ(Lookup("10.244.1.0"), 5u);
    EXPECT_EQ(Lookup("10.244.1.63"), 5u);
    EXPECT_EQ(Lookup("10.244.1.64"), 6u);
    EXPECT_EQ(Lookup("10.244.1.99"), 6u);
    EXPECT_EQ(Lookup("10.244.1.100"), 7u);
    EXPECT_EQ(Lookup("10.244.1.127"), 6u);
    EXPECT_EQ(Lookup("10.244.1.128"), 4u);
    EXPECT_EQ(Lookup("10.244.1.255"), 8u);
    EXPECT_EQ(Lookup("10.244.2.0"), 3u);
    EXPECT_EQ(Lookup("10.255.255.255"), 2u);
    EXPECT_EQ(Lookup("255.255.255.255"), 1u);
    std::shuffle(routes.begin(), routes.end(), random);
    for (const Route& route : routes) Remove(route.prefix);
    EXPECT_EQ(table_.size(), 0u);
    EXPECT_EQ(table_.groups(), 0u);
    EXPECT_EQ(Lookup("10.244.1.100"), kNoAdjacency);
    EXPECT_EQ(Lookup("255.255.255.255"), kNoAdjacency);
  }
}

TEST_F(RouteTableTest, SetPointsAnExistingRouteElsewhere) {
  Set("10.0.0.0/8", 1);
  Set("10.0.0.7/32", 2);
  Set("10.0.0.0/8", 3);
  Set("10.0.0.7/32", 4);
  EXPECT_EQ(table_.size(), 2u);
  EXPECT_EQ(Lookup("10.0.0.6"), 3u);
  EXPECT_EQ(Lookup("10.0.0.7"), 4u);
  EXPECT_EQ(Lookup("10.9.0.0"), 3u);
  Remove("10.0.0.7/32");
  EXPECT_EQ(Lookup("10.0.0.7"), 3u);
}

TEST_F(RouteTableTest, RemovingFallsBackToTheLongestShorterRoute) {
  Set("0.0.0.0/0", 1);
  Set("10.1.0.0/16", 2);
  Set("10.1.1.0/28", 3);
  Set("10.1.1.1/32", 4);
  Remove("10.1.1.1/32");
  EXPECT_EQ(Lookup("10.1.1.1"), 3u);
  Remove("10.1.1.0/28");
  EXPECT_EQ(Lookup("10.1.1.1"), 2u);
  Remove("10.1.0.0/16");
  EXPECT_EQ(Lookup("10.1.1.1"), 1u);
  Remove("0.0.0.0/0");
  EXPECT_EQ(Lookup("10.1.1.1"), kNoAdjacency);
}

// Longer routes hide it wholly; it must still be there when they go.
TEST_F(RouteTableTest, ARouteHiddenByLongerOnesComesBack) {
  Set("10.1.1.0/31", 1);
  Set("10.1.1.0/32", 2);
  Set("10.1.1.1/32", 3);
  Remove("10.1.1.0/32");
  Remove("10.1.1.1/32");
  EXPECT_EQ(Lookup("10.1.1.0"), 1u);
  EXPECT_EQ(Lookup("10.1.1.1"), 1u);
  EXPECT_EQ(table_.groups(), 1u);
}

TEST_F(RouteTableTest, ARangeHasAGroupOnlyWhileItHasLongRoutes) {
  Set("10.0.0.0/8", 1);
  EXPECT_EQ(table_.groups(), 0u);
  Set("10.0.0.5/32", 1);  // even if it leads to the same place
  Set("10.0.0.128/25", 2);
  Set("10.0.1.0/24", 3);
  Set("10.7.0.1/32", 4);
  EXPECT_EQ(table_.groups(), 2u);
  Remove("10.0.0.5/32");
  EXPECT_EQ(table_.groups(), 2u);
  Remove("10.0.0.128/25");
  EXPECT_EQ(table_.groups(), 1u);
  EXPECT_EQ(Lookup("10.0.0.128"), 1u);
  Remove("10.7.0.1/32");
  EXPECT_EQ(table_.groups(), 0u);
}

TEST_F(RouteTableTest, FindSeesExactlyThePrefix) {
  Set("10.0.0.0/8", 5);
  EXPECT_EQ(table_.Find(Prefix("10.0.0.0/8")), 5u);
  EXPECT_EQ(table_.Find(Prefix("10.0.0.0/9")), kNoAdjacency);
  EXPECT_EQ(table_.Find(Prefix("0.0.0.0/0")), kNoAdjacency);
}

TEST_F(RouteTableTest, RemovingWhatIsNotThereNamesIt) {
  Set("10.0.0.0/8", 5);
  const absl::Status status = table_.Remove(Prefix("10.0.0.0/16"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10.0.0.0/16"));
  EXPECT_EQ(Lookup("10.0.0.1"), 5u);
}

TEST_F(RouteTableTest, BulkIsTheSameAsOneByOneAndMayBeInPlace) {
  Set("10.0.0.0/24", 1);
  Set("10.0.0.9/32", 2);
  std::vector<uint32_t> values;
  for (uint32_t i = 0; i < 300; ++i) values.push_back(Address("10.0.0.0").value() + i);
  std::vector<AdjacencyIndex> expected;
  for (uint32_t value : values) expected.push_back(table_.Lookup(Ipv4Address(value)));
  table_.LookupBulk(values.data(), values.data(), static_cast<uint32_t>(values.size()));
  EXPECT_EQ(values, expected);
  table_.LookupBulk(nullptr, nullptr, 0);
}

TEST(RouteTable, WithoutRoomARouteIsRefusedAndNothingChanges) {
  Rcu rcu(1);
  RouteTable table(&rcu, /*max_groups=*/1);
  ASSERT_TRUE(table.Set(Prefix("10.0.0.0/16"), 1).ok());
  ASSERT_TRUE(table.Set(Prefix("10.0.0.1/32"), 2).ok());
  ASSERT_TRUE(table.Set(Prefix("10.0.0.2/32"), 3).ok());
  const absl::Status status = table.Set(Prefix("10.0.1.1/32"), 4);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10.0.1.1/32"));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.Find(Prefix("10.0.1.1/32")), kNoAdjacency);
  EXPECT_EQ(table.Lookup(Address("10.0.1.1")), 1u);
  EXPECT_TRUE(table.Set(Prefix("10.0.1.0/24"), 5).ok());  // needs no group
}

TEST(RouteTable, AGroupServesAgainOnlyAfterAGracePeriod) {
  Rcu rcu(1);
  rcu.Register(0);
  rcu.Online(0);
  {
    RouteTable table(&rcu, /*max_groups=*/1);
    ASSERT_TRUE(table.Set(Prefix("10.0.0.1/32"), 1).ok());
    ASSERT_TRUE(table.Remove(Prefix("10.0.0.1/32")).ok());
    rcu.Poll();
    EXPECT_FALSE(table.Set(Prefix("10.0.1.1/32"), 2).ok());
    rcu.Quiescent(0);
    rcu.Poll();
    EXPECT_TRUE(table.Set(Prefix("10.0.1.1/32"), 2).ok());
    EXPECT_EQ(table.Lookup(Address("10.0.0.1")), kNoAdjacency);
    EXPECT_EQ(table.Lookup(Address("10.0.1.1")), 2u);
    rcu.Offline(0);
  }
  rcu.Unregister(0);
}

// Random changes among few networks, so that routes of all lengths overlap and ranges get and lose
// groups; every border of every route ever set is compared with a plain search.
TEST(RouteTable, AgreesWithANaiveModel) {
  constexpr AdjacencyIndex kMaxIndex = (AdjacencyIndex{1} << kAdjacencyIndexBits) - 1;
  for (uint32_t seed = 0; seed < 10; ++seed) {
    std::mt19937 random(seed);
    Rcu rcu(1);
    RouteTable table(&rcu);
    std::map<Ipv4Prefix, AdjacencyIndex> model;
    const auto naive = [&](uint32_t address) {
      for (int length = 32; length >= 0; --length) {
        const auto route =
            model.find(Ipv4Prefix(Ipv4Address(address), static_cast<uint8_t>(length)));
        if (route != model.end()) return route->second;
      }
      return kNoAdjacency;
    };
    std::set<uint32_t> borders = {0, 0xffffffff};
    for (int step = 0; step < 3000; ++step) {
      // Short ones less often: a default route takes 2^24 stores.
      uint8_t length = static_cast<uint8_t>(random() % 33);
      if (length < 14 && random() % 200 != 0) length = static_cast<uint8_t>(14 + random() % 19);
      const uint32_t address = static_cast<uint32_t>(0x0a000000 | (random() & 0x000103ff));
      const Ipv4Prefix prefix(Ipv4Address(address), length);
      if (random() % 3 != 0) {
        const auto adjacency = static_cast<AdjacencyIndex>(1 + random() % kMaxIndex);
        ASSERT_TRUE(table.Set(prefix, adjacency).ok());
        model[prefix] = adjacency;
        const uint32_t first = prefix.network().value();
        const uint32_t last = prefix.last().value();
        borders.insert({first - 1, first, last, last + 1});
      } else {
        // Half of these are there.
        const auto next = model.lower_bound(prefix);
        const Ipv4Prefix victim = random() % 2 == 0 && next != model.end() ? next->first : prefix;
        ASSERT_EQ(table.Remove(victim).ok(), model.erase(victim) == 1);
      }
      if (step % 7 == 0) rcu.Poll();
      if (step % 50 != 0) continue;
      ASSERT_EQ(table.size(), model.size());
      for (uint32_t border : borders) {
        ASSERT_EQ(table.Lookup(Ipv4Address(border)), naive(border))
            << Ipv4Address(border).ToString() << " seed " << seed << " step " << step;
      }
    }
    while (!model.empty()) {
      ASSERT_TRUE(table.Remove(model.begin()->first).ok());
      model.erase(model.begin());
    }
    EXPECT_EQ(table.groups(), 0u);
    for (uint32_t border : borders) {
      ASSERT_EQ(table.Lookup(Ipv4Address(border)), kNoAdjacency);
    }
  }
}

TEST(RouteTable, GrowsToAMillionPods) {
  constexpr uint32_t kPods = 1'000'000;
  const uint32_t first = Address("10.0.0.0").value();
  Rcu rcu(1);
  RouteTable table(&rcu);
  ASSERT_TRUE(table.Set(Prefix("10.0.0.0/8"), 1).ok());
  // 16 a range: 62,500 groups.
  const auto pod = [&](uint32_t i) { return Ipv4Address(first + (i / 16 << 8) + i % 16); };
  for (uint32_t i = 0; i < kPods; ++i) {
    ASSERT_TRUE(table.Set(Ipv4Prefix::Host(pod(i)), 2 + i).ok());
  }
  EXPECT_EQ(table.size(), kPods + 1);
  EXPECT_EQ(table.groups(), kPods / 16);
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < kPods; ++i) wrong += table.Lookup(pod(i)) != 2 + i;
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(table.Lookup(Address("10.0.0.16")), 1u);
  for (uint32_t i = 0; i < kPods; ++i) {
    ASSERT_TRUE(table.Remove(Ipv4Prefix::Host(pod(i))).ok());
  }
  EXPECT_EQ(table.groups(), 0u);
  EXPECT_EQ(table.Lookup(pod(kPods - 1)), 1u);
}

}  // namespace
}  // namespace podwarp
