// What the control thread ends, and what gives way when the table is full.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "podwarp/table/connection_table.h"
#include "support/chance.h"
#include "unit/table/connection_fixture.h"

namespace podwarp::test {
namespace {

// --- Time. ---

struct Life {
  const char* name;
  uint8_t protocol;
  ConnectionState state;
  uint32_t timeout;
};

void PrintTo(const Life& life, std::ostream* out) { *out << life.name; }

class ConnectionTimeout : public ConnectionTableTest, public testing::WithParamInterface<Life> {};

TEST_P(ConnectionTimeout, EndsAConnectionThatIsIdleForLonger) {
  for (const uint32_t now : {kNow, ~0u - 2}) {  // the second wraps
    Put(Flow(now, GetParam().protocol), now)->state = GetParam().state;
    ExpireAll(now + GetParam().timeout);
    EXPECT_TRUE(Has(Flow(now, GetParam().protocol))) << now;
    ExpireAll(now + GetParam().timeout + 1);
    EXPECT_FALSE(Has(Flow(now, GetParam().protocol))) << now;
  }
  EXPECT_EQ(table_.statistics().expired, 2u);
  EXPECT_EQ(table_.statistics().in_use, 0u);
}

constexpr Life kLives[] = {
    {"tcp_new", kIpProtocolTcp, ConnectionState::kNew, kTimeouts.tcp_new},
    {"tcp_established", kIpProtocolTcp, ConnectionState::kEstablished, kTimeouts.tcp_established},
    {"tcp_closing", kIpProtocolTcp, ConnectionState::kClosing, kTimeouts.tcp_closing},
    {"tcp_closed", kIpProtocolTcp, ConnectionState::kClosed, kTimeouts.tcp_closed},
    {"udp_new", kIpProtocolUdp, ConnectionState::kNew, kTimeouts.udp_new},
    {"udp_established", kIpProtocolUdp, ConnectionState::kEstablished, kTimeouts.udp_established},
    {"sctp_new", kIpProtocolSctp, ConnectionState::kNew, kTimeouts.sctp_new},
    {"sctp_established", kIpProtocolSctp, ConnectionState::kEstablished,
     kTimeouts.sctp_established},
};
INSTANTIATE_TEST_SUITE_P(Lives, ConnectionTimeout, testing::ValuesIn(kLives),
                         [](const auto& test) { return test.param.name; });

TEST_F(ConnectionTableTest, AFrameKeepsAConnection) {
  Connection* const connection = Put(Flow(1, kIpProtocolUdp));
  connection->last_used = kNow + kTimeouts.udp_new;
  ExpireAll(kNow + 2 * kTimeouts.udp_new);
  EXPECT_TRUE(Has(Flow(1, kIpProtocolUdp)));
}

TEST_F(ConnectionTableTest, AWorkersClockMayBeAhead) {
  Put(Flow(1), kNow + 1);
  ExpireAll(kNow);
  EXPECT_TRUE(Has(Flow(1)));
}

TEST_F(ConnectionTableTest, ABackendThatIsGoneTakesItsConnectionsAlong) {
  for (uint32_t i = 0; i < 30; ++i) Put(Flow(i, kIpProtocolTcp, i % 3));
  table_.Expire(kNow, kTimeouts, [](BackendId id) {
    constexpr BackendState kStates[] = {BackendState::kReady, BackendState::kGone,
                                        BackendState::kTerminating};
    return kStates[id.number];
  });
  for (uint32_t i = 0; i < 30; ++i) {
    EXPECT_EQ(Has(Flow(i, kIpProtocolTcp, i % 3)), i % 3 != 1) << i;
  }
  EXPECT_EQ(table_.statistics().expired, 10u);
}

TEST_F(ConnectionTableTest, TheHandComesAround) {
  for (uint32_t i = 0; i < 1000; ++i) Put(Flow(i));
  table_.Expire(kNow + 11, kTimeouts, AlwaysReady);
  EXPECT_EQ(table_.statistics().expired, 64u);  // a slice
  for (int call = 0; call < 1000 / 64; ++call) {
    table_.Expire(kNow + 11, kTimeouts, AlwaysReady);
  }
  EXPECT_EQ(table_.statistics().expired, 1000u);
}

TEST_F(ConnectionTableTest, AffinityLastsByItsOwnTime) {
  Put(Affinity(1, 50));
  Put(Affinity(2, 500));
  ExpireAll(kNow + 50);
  EXPECT_EQ(table_.statistics().expired, 0u);
  ExpireAll(kNow + 51);
  EXPECT_EQ(table_.Lookup(Affinity(1, 50).original).connection, nullptr);
  EXPECT_NE(table_.Lookup(Affinity(2, 500).original).connection, nullptr);
}

// --- A full table. ---

TEST_F(SmallConnectionTable, UnderPressureOneSixteenthIsFreed) {
  ASSERT_EQ(Fill(), 16u);
  table_.Expire(kNow, kNever, AlwaysReady);
  EXPECT_EQ(table_.statistics().displaced, 1u);
  EXPECT_EQ(table_.Add(0, Flow(16), kNow).result, AddResult::kFull);
  rcu_.Poll();
  EXPECT_EQ(table_.Add(0, Flow(16), kNow).result, AddResult::kAdded);
}

class ConnectionPressure : public ConnectionTableTest {
 protected:
  ConnectionPressure() : ConnectionTableTest(256) {}

  // Those that were there before, and aren't after a call of Expire(): their last use.
  std::vector<uint32_t> Displaced(const std::vector<NewConnection>& all) {
    std::vector<uint32_t> last_used;
    std::vector<const NewConnection*> before;
    for (const NewConnection& wanted : all) {
      const Connection* connection = table_.Lookup(wanted.original).connection;
      if (connection == nullptr) continue;  // its buckets were full
      before.push_back(&wanted);
      last_used_.push_back(connection->last_used);
    }
    table_.Expire(kNow, kNever, AlwaysReady);
    for (size_t i = 0; i < before.size(); ++i) {
      if (!Has(*before[i])) last_used.push_back(last_used_[i]);
    }
    std::sort(last_used.begin(), last_used.end());
    std::sort(last_used_.begin(), last_used_.end());
    return last_used;
  }

  std::vector<uint32_t> last_used_;  // of all before, sorted
};

TEST_F(ConnectionPressure, TheIdlestGiveWay) {
  std::vector<NewConnection> all;
  for (uint32_t i = 0; i < 256; ++i) {
    all.push_back(Flow(i));
    const ConnectionTable::Added added = table_.Add(0, all.back(), kNow - i * 7919 % 256);
    ASSERT_EQ(added.result, AddResult::kAdded);
    added.connection->state = ConnectionState::kEstablished;
  }
  const std::vector<uint32_t> displaced = Displaced(all);
  ASSERT_EQ(displaced.size(), last_used_.size() - 240);
  ASSERT_GT(displaced.size(), 0u);
  EXPECT_TRUE(std::equal(displaced.begin(), displaced.end(), last_used_.begin()));
}

TEST_F(ConnectionPressure, WhatNeverWasEstablishedGivesWayFirst) {
  std::vector<NewConnection> all;
  for (uint32_t i = 0; i < 256; ++i) {
    const bool is_new = i % 4 == 0;
    all.push_back(Flow(i));
    const ConnectionTable::Added added = table_.Add(0, all.back(), is_new ? kNow : kNow - 100);
    ASSERT_EQ(added.result, AddResult::kAdded);
    if (!is_new) added.connection->state = ConnectionState::kEstablished;
  }
  const std::vector<uint32_t> displaced = Displaced(all);
  ASSERT_EQ(displaced.size(), last_used_.size() - 240);
  EXPECT_EQ(displaced, std::vector<uint32_t>(displaced.size(), kNow));
}

// A flood of new connections, many times the table's size, while others are in use.
TEST_F(ConnectionPressure, AFloodLeavesTheEstablishedAlone) {
  for (uint32_t i = 0; i < 64; ++i) {
    Put(Flow(i), kNow + 1000)->state = ConnectionState::kEstablished;
  }
  for (uint32_t i = 64; i < 10'000; ++i) {
    ASSERT_EQ(table_.Add(0, Flow(i), kNow).result, AddResult::kAdded) << i;
    table_.Expire(kNow, kNever, AlwaysReady);
    rcu_.Poll();
  }
  for (uint32_t i = 0; i < 64; ++i) EXPECT_TRUE(Has(Flow(i))) << i;
  EXPECT_GE(table_.statistics().displaced, 10'000u - 256);
  EXPECT_LE(table_.statistics().in_use, 256u);
}

// Both buckets of a key may be full long before the table is: then one of these 16 gives way, and
// not one that is in use.
TEST(ConnectionTable, InFullBucketsTheIdlestGivesWay) {
  constexpr uint32_t kCapacity = 4096;
  Chance chance(3);
  uint64_t displaced = 0;
  for (int round = 0; displaced == 0 && round < 1000; ++round) {
    Rcu rcu(1);
    ConnectionTable table(&rcu, kCapacity, 1);
    std::vector<bool> is_busy(kCapacity);
    for (uint32_t i = 0; i < kCapacity; ++i) {
      is_busy[i] = chance.OneIn(5);
      ASSERT_EQ(table.Add(0, Flow(i), is_busy[i] ? kNow : kNow - 100).result, AddResult::kAdded);
      ASSERT_NE(table.Lookup(Flow(i).original).connection, nullptr) << i;
    }
    displaced = table.statistics().displaced;
    uint64_t missing = 0;
    for (uint32_t i = 0; i < kCapacity; ++i) {
      const Connection* original = table.Lookup(Flow(i).original).connection;
      EXPECT_EQ(original, table.Lookup(Flow(i).translated.Reversed()).connection) << i;
      if (original != nullptr) continue;
      ++missing;
      EXPECT_FALSE(is_busy[i]) << i;
    }
    EXPECT_EQ(missing, displaced);
    // It is some 1 in 2,000, with every connection in use.
    EXPECT_LT(displaced, kCapacity / 100);
  }
  EXPECT_GT(displaced, 0u);
}

}  // namespace
}  // namespace podwarp::test
