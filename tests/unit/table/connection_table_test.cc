#include "podwarp/table/connection_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "podwarp/net/checksum.h"
#include "support/chance.h"
#include "unit/table/connection_fixture.h"

namespace podwarp::test {
namespace {

TEST_F(ConnectionTableTest, BothDirectionsAreFound) {
  Connection* const connection = Put(Flow(1));
  const ConnectionTable::Found original = table_.Lookup(Flow(1).original);
  EXPECT_EQ(original.connection, connection);
  EXPECT_EQ(original.direction, Direction::kOriginal);
  const ConnectionTable::Found reply = table_.Lookup(Flow(1).translated.Reversed());
  EXPECT_EQ(reply.connection, connection);
  EXPECT_EQ(reply.direction, Direction::kReply);

  EXPECT_EQ(connection->backend, Flow(1).backend);
  EXPECT_EQ(connection->state, ConnectionState::kNew);
  EXPECT_EQ(connection->last_used, kNow);
}

TEST_F(ConnectionTableTest, EveryPartOfTheKeyCounts) {
  Put(Flow(1));
  for (int part = 0; part < 5; ++part) {
    FlowKey key = Flow(1).original;
    if (part == 0) key.source = Ipv4Address(10, 9, 9, 9);
    if (part == 1) key.destination = Ipv4Address(10, 9, 9, 9);
    if (part == 2) key.source_port = Be16(9);
    if (part == 3) key.destination_port = Be16(9);
    if (part == 4) key.protocol = kIpProtocolUdp;
    EXPECT_EQ(table_.Lookup(key).connection, nullptr) << part;
  }
  EXPECT_EQ(table_.Lookup(Flow(1).original.Reversed()).connection, nullptr);
  EXPECT_EQ(table_.Lookup(Flow(1).translated).connection, nullptr);
}

TEST_F(ConnectionTableTest, ABurstFindsWhatSingleLookupsFind) {
  std::vector<FlowKey> keys;
  std::vector<Connection*> expected;
  for (uint32_t i = 0; i < 64; ++i) {
    expected.push_back(i % 3 == 0 ? nullptr : Put(Flow(i)));
    keys.push_back(i % 2 == 0 ? Flow(i).original : Flow(i).translated.Reversed());
  }
  for (const uint32_t count : {64u, 63u, 1u, 0u}) {
    std::vector<ConnectionTable::Found> found(64, {nullptr, Direction::kReply});
    table_.LookupBulk(keys.data(), found.data(), count);
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_EQ(found[i].connection, expected[i]) << i;
      if (expected[i] == nullptr) continue;
      EXPECT_EQ(found[i].direction, i % 2 == 0 ? Direction::kOriginal : Direction::kReply) << i;
    }
  }
}

// --- Who is first. ---

TEST_F(ConnectionTableTest, TheSameConnectionIsAddedOnce) {
  Connection* const first = Put(Flow(1));
  const ConnectionTable::Added again = table_.Add(1, Flow(1), kNow);
  EXPECT_EQ(again.result, AddResult::kExists);
  EXPECT_EQ(again.connection, first);
  EXPECT_EQ(table_.statistics().in_use, 1u);
}

TEST_F(ConnectionTableTest, WhoComesSecondWithAnotherBackendLeavesNoTrace) {
  Connection* const first = Put(Flow(1, kIpProtocolTcp, 1));
  const NewConnection other = Flow(1, kIpProtocolTcp, 2);
  const ConnectionTable::Added second = table_.Add(1, other, kNow);
  EXPECT_EQ(second.result, AddResult::kExists);
  EXPECT_EQ(second.connection, first);
  EXPECT_EQ(table_.Lookup(other.translated.Reversed()).connection, nullptr);
  EXPECT_EQ(table_.statistics().added, 1u);

  ExpireAll(kNow);
  EXPECT_EQ(table_.statistics().in_use, 1u);
  EXPECT_TRUE(Has(Flow(1)));
}

TEST_F(ConnectionTableTest, AReplysKeyBelongsToOne) {
  Connection* const first = Put(Flow(1));
  NewConnection other = Flow(1);  // to another service with the same backend
  other.original.destination = Ipv4Address(10, 96, 0, 2);
  const ConnectionTable::Added added = table_.Add(0, other, kNow);
  EXPECT_EQ(added.result, AddResult::kReplyTaken);
  EXPECT_EQ(added.connection, first);
  EXPECT_EQ(table_.Lookup(other.original).connection, nullptr);

  table_.Remove(first);
  EXPECT_EQ(table_.Add(0, other, kNow).result, AddResult::kAdded);
  EXPECT_TRUE(Has(other));
}

// --- Removal. ---

TEST_F(ConnectionTableTest, ARemovedOneIsNotFoundInEitherDirection) {
  Connection* const connection = Put(Flow(1));
  Put(Flow(2));
  table_.Remove(connection);
  EXPECT_EQ(connection->state, ConnectionState::kUnlinked);
  EXPECT_FALSE(Has(Flow(1)));
  EXPECT_TRUE(Has(Flow(2)));
  EXPECT_EQ(table_.statistics().removed, 1u);
}

TEST_F(ConnectionTableTest, RemovingItTwiceIsRemovingItOnce) {
  Connection* const connection = Put(Flow(1));
  table_.Remove(connection);
  table_.Remove(connection);
  EXPECT_EQ(table_.statistics().removed, 1u);
  EXPECT_EQ(table_.statistics().in_use, 1u);
  ExpireAll(kNow);
  EXPECT_EQ(table_.statistics().in_use, 0u);
}

// --- A small one. ---

TEST_F(SmallConnectionTable, ThereIsASmallest) {
  EXPECT_EQ(table_.capacity(), ConnectionTable::kMinCapacity);
}

TEST_F(SmallConnectionTable, WhenNothingIsFreeNothingIsAdded) {
  EXPECT_EQ(Fill(), 16u);
  EXPECT_EQ(table_.statistics().in_use, 16u);
  EXPECT_EQ(table_.Lookup(Flow(16).original).connection, nullptr);
  EXPECT_EQ(table_.Lookup(Flow(16).translated.Reversed()).connection, nullptr);
}

TEST_F(SmallConnectionTable, IsUsedAgainOnlyAfterAGracePeriod) {
  rcu_.Register(kReader);
  rcu_.Online(kReader);
  ASSERT_EQ(Fill(), 16u);
  std::set<Connection*> all;
  for (uint32_t i = 0; i < 16; ++i) {
    if (Connection* connection = table_.Lookup(Flow(i).original).connection) {
      table_.Remove(connection);
    }
  }
  rcu_.Quiescent(kReader);  // too early: the control thread hasn't seen them
  ExpireAll(kNow);
  EXPECT_EQ(table_.statistics().in_use, 16u);
  EXPECT_EQ(table_.Add(0, Flow(20), kNow).result, AddResult::kFull);

  rcu_.Quiescent(kReader);
  rcu_.Poll();
  EXPECT_EQ(table_.statistics().in_use, 0u);
  for (uint32_t i = 20; i < 36; ++i) {
    const ConnectionTable::Added added = table_.Add(0, Flow(i), kNow);
    EXPECT_EQ(added.result, AddResult::kAdded);
    all.insert(added.connection);
  }
  EXPECT_EQ(all.size(), 16u);  // nobody got the same as another
  rcu_.Offline(kReader);
  rcu_.Unregister(kReader);
}

TEST_F(SmallConnectionTable, FailedAttemptsCostNothing) {
  Connection* const first = Put(Flow(0));
  NewConnection other = Flow(0);
  other.original.destination = Ipv4Address(10, 96, 0, 2);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(table_.Add(0, other, kNow).result, AddResult::kReplyTaken);
    EXPECT_EQ(table_.Add(0, Flow(0), kNow).connection, first);
  }
  uint32_t i = 1;
  while (table_.Add(0, Flow(i), kNow).result == AddResult::kAdded) ++i;
  EXPECT_EQ(i, 16u);
}

TEST_F(SmallConnectionTable, OneWorkerKeepsNoneFromTheOther) {
  for (uint32_t i = 0; i < 16; ++i) {
    EXPECT_EQ(table_.Add(i % 2, Flow(i), kNow).result, AddResult::kAdded) << i;
  }
}

// --- Affinity and reports. ---

TEST_F(ConnectionTableTest, AffinityIsFoundByTheClientOnly) {
  Connection* const connection = Put(Affinity(1, 50));
  EXPECT_EQ(table_.Lookup(Affinity(1, 50).original).connection, connection);
  EXPECT_EQ(table_.Lookup(FlowKey{}).connection, nullptr);
  EXPECT_EQ(table_.Lookup(FlowKey{}.Reversed()).connection, nullptr);
  EXPECT_EQ(table_.Add(0, Affinity(1, 50), kNow).result, AddResult::kExists);
  Put(Affinity(2, 50));  // its `translated` is the same, and nobody minds
  table_.Remove(connection);
  EXPECT_EQ(table_.Lookup(Affinity(1, 50).original).connection, nullptr);
}

TEST_F(ConnectionTableTest, IsReadInPages) {
  for (uint32_t i = 0; i < 100; ++i) Put(Flow(i));
  for (uint32_t i = 0; i < 100; i += 2) table_.Remove(table_.Lookup(Flow(i).original).connection);
  std::set<uint16_t> ports;
  uint32_t pages = 0;
  for (uint32_t from = 0; from < table_.capacity(); ++pages) {
    int left = 8;
    from = table_.ForEach(from, table_.capacity(), [&](const Connection& connection) {
      EXPECT_TRUE(ports.insert(connection.original.source_port.host()).second);
      return --left > 0;
    });
  }
  EXPECT_EQ(ports.size(), 50u);
  EXPECT_EQ(pages, 7u);
}

TEST_F(ConnectionTableTest, APageIsBoundedThoughItIsEmpty) {
  for (uint32_t i = 0; i < 1000; ++i) Put(Flow(i));
  for (uint32_t i = 0; i < 999; ++i) table_.Remove(table_.Lookup(Flow(i).original).connection);
  uint32_t visited = 0;
  const auto visit = [&](const Connection&) { return ++visited != 0; };
  EXPECT_EQ(table_.ForEach(0, 100, visit), 100u);
  EXPECT_EQ(table_.ForEach(100, 0, visit), 100u);
  EXPECT_EQ(visited, 0u);
  uint32_t from = 0;
  for (uint32_t calls = 0; calls < 11 && from < table_.capacity(); ++calls) {
    from = table_.ForEach(from, 100, visit);
  }
  EXPECT_EQ(from, table_.capacity());  // what was never used isn't looked at
  EXPECT_EQ(visited, 1u);
  EXPECT_EQ(table_.ForEach(table_.capacity(), ~0u, visit), table_.capacity());
}

TEST(ConnectionTable, TakesTheMemoryThatIsPlanned) {
  EXPECT_EQ(ConnectionTable::BytesFor(4'000'000), ConnectionTable::BytesFor(4 << 20));
  EXPECT_GE(ConnectionTable::BytesFor(4'000'000), size_t{256} << 20);
  EXPECT_LE(ConnectionTable::BytesFor(4'000'000), size_t{512} << 20);
}

// --- Checksums. ---

// What a checksum covers: a pseudo header or an IP header's addresses, ports, and anything else.
uint16_t FullSum(const FlowKey& key, uint16_t rest, bool with_ports) {
  const FlowKey::Words words = key.words();
  const uint64_t sum = ChecksumSum(&words.addresses, 8, rest);
  return with_ports ? ChecksumSum(&words.ports_and_protocol, 4, sum) : ChecksumSum(nullptr, 0, sum);
}

// RFC 1624, equation 3.
uint16_t Updated(uint16_t checksum, uint16_t delta) {
  return static_cast<uint16_t>(~FoldChecksum(uint64_t{static_cast<uint16_t>(~checksum)} + delta));
}

TEST_F(ConnectionTableTest, DeltasMendChecksumsInBothDirections) {
  Chance chance(1);
  for (int i = 0; i < 20'000; ++i) {
    NewConnection wanted;
    const auto random_key = [&] {
      // Ones and zeros in numbers: where a carry or a zero of either sign may go wrong.
      const auto word = [&]() -> uint16_t {
        constexpr uint16_t kCorners[] = {0, 1, 0xfffe, 0xffff};
        return chance.OneIn(3) ? chance.Of(kCorners) : chance.Word();
      };
      FlowKey key;
      key.source = Ipv4Address(uint32_t{word()} << 16 | word());
      key.destination = Ipv4Address(uint32_t{word()} << 16 | word());
      key.source_port = Be16(word());
      key.destination_port = Be16(word());
      key.protocol = kIpProtocolUdp;
      return key;
    };
    wanted.original = random_key();
    wanted.translated = random_key();
    if (chance.OneIn(8)) wanted.translated = wanted.original;
    const ConnectionTable::Added added = table_.Add(0, wanted, kNow);
    if (added.result != AddResult::kAdded) continue;  // the same corners again
    const Connection& connection = *added.connection;

    const auto rest = static_cast<uint16_t>(1 + chance.Below(0xffff));
    for (const bool with_ports : {false, true}) {
      const uint16_t delta = with_ports ? connection.delta : connection.address_delta;
      const auto before = static_cast<uint16_t>(~FullSum(wanted.original, rest, with_ports));
      const auto after = static_cast<uint16_t>(~FullSum(wanted.translated, rest, with_ports));
      EXPECT_EQ(Updated(before, delta), after);

      const auto back = static_cast<uint16_t>(~delta);
      const FlowKey answer = wanted.translated.Reversed();
      EXPECT_EQ(Updated(static_cast<uint16_t>(~FullSum(answer, rest, with_ports)), back),
                static_cast<uint16_t>(~FullSum(wanted.original.Reversed(), rest, with_ports)));
    }
    table_.Remove(added.connection);
    if (i % 1000 == 0) ExpireAll(kNow);
  }
  EXPECT_GT(table_.statistics().added, 15'000u);
}

}  // namespace
}  // namespace podwarp::test
