#include "table/connection_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "unit/table/connection_fixture.h"

namespace podwarp::test {
namespace {

constexpr uint32_t kCapacity = 1024;
constexpr uint32_t kAllSlots = kCapacity / 2 * ConnectionIndex::kSlots;

class ConnectionIndexTest : public testing::Test {
 protected:
  ConnectionIndexTest() : connections_(kAllSlots + 1) {
    for (uint32_t i = 0; i < connections_.size(); ++i) connections_[i].original = KeyOf(i);
  }

  // As they mostly come: all but some bits are the same.
  static FlowKey KeyOf(uint32_t i) { return Flow(i).original; }
  static ConnectionIndex::Entry EntryOf(uint32_t i) {
    return ConnectionIndex::MakeEntry(i, Direction::kOriginal);
  }
  // Puts in keys until both buckets of one are full. Returns how many.
  uint32_t FillUp(ConnectionIndex* index) {
    uint32_t i = 0;
    while (index->Insert(KeyOf(i), EntryOf(i)).result == ConnectionIndex::InsertResult::kInserted) {
      ++i;
    }
    return i;
  }

  std::vector<Connection> connections_;
};

// With one bucket for a key, some bucket would be full when a third of all slots are in use (0.32
// on average); with two, both of some key are at half (0.51).
TEST_F(ConnectionIndexTest, TakesAllConnectionsBeforeAKeysBucketsAreFull) {
  uint64_t sum = 0;
  constexpr uint32_t kIndexes = 50;
  for (uint32_t i = 0; i < kIndexes; ++i) {
    ConnectionIndex index(connections_.data(), kCapacity);
    sum += FillUp(&index);
  }
  EXPECT_GT(sum / kIndexes, kAllSlots * 42 / 100);
}

TEST_F(ConnectionIndexTest, FindsWhatStandsInTheSecondBucket) {
  ConnectionIndex index(connections_.data(), kCapacity);
  const uint32_t count = FillUp(&index);
  for (uint32_t i = 0; i < count; i += 64) {
    const uint32_t burst = std::min(64u, count - i);
    FlowKey keys[64];
    ConnectionIndex::Entry entries[64];
    for (uint32_t j = 0; j < burst; ++j) keys[j] = KeyOf(i + j);
    index.FindBulk(keys, entries, burst);
    for (uint32_t j = 0; j < burst; ++j) {
      EXPECT_EQ(entries[j], EntryOf(i + j));
      EXPECT_EQ(index.Find(keys[j]), EntryOf(i + j));
    }
  }
  EXPECT_EQ(index.Find(KeyOf(count)), ConnectionIndex::kNone);
}

TEST_F(ConnectionIndexTest, AKeyIsTakenWhereverItStands) {
  ConnectionIndex index(connections_.data(), kCapacity);
  const uint32_t count = FillUp(&index);
  for (uint32_t i = 0; i < count; ++i) {
    const ConnectionIndex::Inserted inserted = index.Insert(KeyOf(i), EntryOf(count));
    EXPECT_EQ(inserted.result, ConnectionIndex::InsertResult::kTaken);
    EXPECT_EQ(inserted.entry, EntryOf(i));
  }
}

TEST_F(ConnectionIndexTest, NamesThoseInTheWay) {
  ConnectionIndex index(connections_.data(), kCapacity);
  const uint32_t count = FillUp(&index);
  const auto neighbours = index.Neighbours(KeyOf(count));
  for (const ConnectionIndex::Entry entry : neighbours) {
    ASSERT_LT(ConnectionIndex::NumberOf(entry), count);
    EXPECT_EQ(std::count(neighbours.begin(), neighbours.end(), entry), 1);
  }
  const uint32_t one = ConnectionIndex::NumberOf(neighbours[11]);
  index.Erase(KeyOf(one), EntryOf(one));
  EXPECT_EQ(index.Insert(KeyOf(count), EntryOf(count)).result,
            ConnectionIndex::InsertResult::kInserted);
  EXPECT_EQ(index.Find(KeyOf(count)), EntryOf(count));
  EXPECT_EQ(index.Find(KeyOf(one)), ConnectionIndex::kNone);
}

// A count of overflows too low loses keys; one too high has every miss look into two buckets. As
// many keys as slots: hundreds come to a full first bucket, and some find no room in the second
// either. Who finds none depends on the order, so that it changes with every round.
TEST_F(ConnectionIndexTest, WhatComesAndGoesLeavesNothingBehind) {
  ConnectionIndex index(connections_.data(), kCapacity);
  std::vector<bool> is_in(kAllSlots);
  const auto insert = [&](uint32_t i) {
    is_in[i] =
        index.Insert(KeyOf(i), EntryOf(i)).result == ConnectionIndex::InsertResult::kInserted;
  };
  const auto erase = [&](uint32_t i) {
    if (is_in[i]) index.Erase(KeyOf(i), EntryOf(i));
    is_in[i] = false;
  };
  for (uint32_t i = 0; i < kAllSlots; ++i) insert(i);
  for (uint32_t round = 0; round < 20; ++round) {
    for (uint32_t i = round % 2; i < kAllSlots; i += 2) erase(i);
    for (uint32_t i = 0; i < kAllSlots; ++i) {
      ASSERT_EQ(index.Find(KeyOf(i)), is_in[i] ? EntryOf(i) : ConnectionIndex::kNone);
    }
    for (uint32_t i = round % 2; i < kAllSlots; i += 2) insert(i);
    EXPECT_GT(index.overflowed(), 0u);
  }
  EXPECT_GT(std::count(is_in.begin(), is_in.end(), true), kAllSlots / 2);
  for (uint32_t i = 0; i < kAllSlots; ++i) erase(i);
  EXPECT_EQ(index.overflowed(), 0u);
}

TEST_F(ConnectionIndexTest, TwoTablesHaveDifferentHashes) {
  ConnectionIndex a(connections_.data(), kCapacity);
  ConnectionIndex b(connections_.data(), kCapacity);
  // Which keys stand beside key 0.
  std::vector<ConnectionIndex::Entry> beside[2];
  for (ConnectionIndex* index : {&a, &b}) {
    for (uint32_t i = 0; i < kCapacity; ++i) index->Insert(KeyOf(i), EntryOf(i));
    const auto neighbours = index->Neighbours(KeyOf(0));
    beside[index == &b].assign(neighbours.begin(), neighbours.end());
    std::sort(beside[index == &b].begin(), beside[index == &b].end());
  }
  EXPECT_NE(beside[0], beside[1]);
}

}  // namespace
}  // namespace podwarp::test
