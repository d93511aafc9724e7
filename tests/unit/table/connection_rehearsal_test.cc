#include <gtest/gtest.h>

#include "unit/table/connection_fixture.h"

namespace podwarp::test {
namespace {

// `table_` is the one behind.
class ConnectionRehearsal : public SmallConnectionTable {
 protected:
  // What everybody can see of the table behind.
  struct Seen {
    uint64_t added, removed, in_use;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  Seen Look() const {
    const ConnectionTable::Statistics seen = table_.statistics();
    return {seen.added, seen.removed, seen.in_use};
  }

  Rcu rehearsal_rcu_{1};
  ConnectionTable rehearsal_{&rehearsal_rcu_, &table_};
};

TEST_F(ConnectionRehearsal, FindsWhatIsBehindAsItIs) {
  Connection* const behind = Put(Flow(1), kNow - 7);
  behind->state = ConnectionState::kClosing;
  behind->fins = 5;
  const ConnectionTable::Found found = rehearsal_.Lookup(Flow(1).original);
  ASSERT_NE(found.connection, nullptr);
  EXPECT_NE(found.connection, behind);
  EXPECT_EQ(found.direction, Direction::kOriginal);
  EXPECT_EQ(found.connection->translated, behind->translated);
  EXPECT_EQ(found.connection->backend, behind->backend);
  EXPECT_EQ(found.connection->state, ConnectionState::kClosing);
  EXPECT_EQ(found.connection->fins, 5);
  EXPECT_EQ(found.connection->last_used, kNow - 7);
  EXPECT_EQ(found.connection->address_delta, behind->address_delta);
  EXPECT_EQ(found.connection->delta, behind->delta);

  const ConnectionTable::Found reply = rehearsal_.Lookup(Flow(1).translated.Reversed());
  EXPECT_EQ(reply.connection, found.connection);
  EXPECT_EQ(reply.direction, Direction::kReply);
  EXPECT_EQ(rehearsal_.Lookup(Flow(2).original).connection, nullptr);
}

TEST_F(ConnectionRehearsal, FindsAReplyFirst) {
  Put(Flow(1));
  EXPECT_EQ(rehearsal_.Lookup(Flow(1).translated.Reversed()).direction, Direction::kReply);
}

TEST_F(ConnectionRehearsal, WhatItAddsIsItsOwn) {
  Put(Flow(1));
  const Seen before = Look();
  EXPECT_EQ(rehearsal_.Add(0, Flow(2), kNow).result, AddResult::kAdded);
  EXPECT_NE(rehearsal_.Lookup(Flow(2).original).connection, nullptr);
  EXPECT_NE(rehearsal_.Lookup(Flow(2).translated.Reversed()).connection, nullptr);
  EXPECT_EQ(table_.Lookup(Flow(2).original).connection, nullptr);
  EXPECT_EQ(Look(), before);
}

TEST_F(ConnectionRehearsal, WhatItRemovesStaysGoneForItAlone) {
  Put(Flow(1));
  const Seen before = Look();
  rehearsal_.Remove(rehearsal_.Lookup(Flow(1).original).connection);
  EXPECT_EQ(rehearsal_.Lookup(Flow(1).original).connection, nullptr);
  EXPECT_EQ(rehearsal_.Lookup(Flow(1).translated.Reversed()).connection, nullptr);
  EXPECT_EQ(rehearsal_.Add(0, Flow(1, kIpProtocolTcp, 2), kNow).result, AddResult::kAdded);
  EXPECT_TRUE(Has(Flow(1)));
  EXPECT_EQ(Look(), before);
}

TEST_F(ConnectionRehearsal, KnowsWhoIsFirstBehind) {
  Put(Flow(1));
  EXPECT_EQ(rehearsal_.Add(0, Flow(1), kNow).result, AddResult::kExists);
  NewConnection other = Flow(1);
  other.original.destination_port = Be16(81);  // another service with the same backend
  const ConnectionTable::Added added = rehearsal_.Add(0, other, kNow);
  EXPECT_EQ(added.result, AddResult::kReplyTaken);
  EXPECT_EQ(added.connection->original, Flow(1).original);
}

TEST_F(ConnectionRehearsal, AffinityIsFoundAndKept) {
  Put(Affinity(1, 50), kNow - 3);
  const ConnectionTable::Found found = rehearsal_.Lookup(Affinity(1, 50).original);
  ASSERT_NE(found.connection, nullptr);
  EXPECT_EQ(found.connection->kind, ConnectionKind::kAffinity);
  EXPECT_EQ(found.connection->affinity_ticks, 50u);
  found.connection->last_used = kNow;
  EXPECT_EQ(table_.Lookup(Affinity(1, 50).original).connection->last_used, kNow - 3);
}

TEST_F(ConnectionRehearsal, IsFullWhenTheOneBehindWouldBe) {
  const uint32_t room = table_.capacity();
  for (uint32_t i = 0; i + 1 < room; ++i) Put(Flow(i));
  for (uint32_t i = 0; i + 1 < room; ++i) rehearsal_.Lookup(Flow(i).original);
  EXPECT_EQ(rehearsal_.Add(0, Flow(room), kNow).result, AddResult::kAdded);
  EXPECT_EQ(rehearsal_.Add(0, Flow(room + 1), kNow).result, AddResult::kFull);
}

}  // namespace
}  // namespace podwarp::test
