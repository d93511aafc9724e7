#include "podwarp/table/adjacency_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace podwarp {
namespace {

Adjacency Pod(uint32_t owner) {
  Adjacency adjacency;
  adjacency.kind = NextHopKind::kPod;
  adjacency.port = 1;
  adjacency.owner = owner;
  return adjacency;
}

TEST(AdjacencyTable, EntryZeroIsNoRoute) {
  Rcu rcu(1);
  AdjacencyTable table(&rcu, 8);
  EXPECT_EQ(table[kNoAdjacency].kind, NextHopKind::kNone);
  EXPECT_EQ(table[kNoAdjacency].port, kNoPort);
  EXPECT_LT(table[kNoAdjacency].kind, kFirstForwardable);
  EXPECT_EQ(table.size(), 0u);
}

TEST(AdjacencyTable, KeepsWhatWasAddedInPlace) {
  Rcu rcu(1);
  AdjacencyTable table(&rcu, 100'000);
  const Adjacency* const data = table.data();
  std::set<AdjacencyIndex> indices;
  for (uint32_t i = 1; i < 100'000; ++i) indices.insert(table.Add(Pod(i)).value());
  EXPECT_EQ(indices.size(), 99'999u);
  EXPECT_FALSE(indices.contains(kNoAdjacency));
  EXPECT_EQ(table.size(), 99'999u);
  EXPECT_EQ(table.data(), data);
  std::set<uint32_t> owners;
  for (AdjacencyIndex index : indices) owners.insert(table[index].owner);
  EXPECT_EQ(owners.size(), 99'999u);
}

TEST(AdjacencyTable, SaysSoWhenItIsFull) {
  Rcu rcu(1);
  AdjacencyTable table(&rcu, 3);
  ASSERT_TRUE(table.Add(Pod(1)).ok());
  ASSERT_TRUE(table.Add(Pod(2)).ok());
  const auto third = table.Add(Pod(3));
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.status().message()), testing::HasSubstr("3 entries"));
  EXPECT_EQ(table.size(), 2u);
}

TEST(AdjacencyTable, AnIndexIsGivenAgainOnlyAfterAGracePeriod) {
  Rcu rcu(1);
  AdjacencyTable table(&rcu, 2);
  rcu.Register(0);
  rcu.Online(0);
  const AdjacencyIndex index = table.Add(Pod(1)).value();
  table.Remove(index);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_FALSE(table.Add(Pod(2)).ok());
  EXPECT_EQ(table[index].owner, 1u);  // the reader may still look

  rcu.Quiescent(0);
  EXPECT_EQ(table.Add(Pod(2)).value(), index);
  EXPECT_EQ(table[index].owner, 2u);
  rcu.Offline(0);
  rcu.Unregister(0);
}

}  // namespace
}  // namespace podwarp
