// A connection table, and connections for it that differ as those of many clients of one service
// do.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "podwarp/net/headers.h"
#include "podwarp/table/connection_table.h"

namespace podwarp::test {

using AddResult = ConnectionTable::AddResult;
using NewConnection = ConnectionTable::NewConnection;

inline constexpr uint32_t kReader = 0;
inline constexpr uint32_t kNow = 1000;
inline constexpr Ipv4Address kService(10, 96, 0, 1);
inline constexpr ConnectionTimeouts kTimeouts = {.tcp_new = 10,
                                                 .tcp_established = 1000,
                                                 .tcp_closing = 20,
                                                 .tcp_closed = 5,
                                                 .tcp_tell_again = 1,
                                                 .udp_new = 30,
                                                 .udp_established = 100,
                                                 .sctp_new = 40,
                                                 .sctp_established = 200};
inline constexpr ConnectionTimeouts kNever = {.tcp_new = ~0u,
                                              .tcp_established = ~0u,
                                              .tcp_closing = ~0u,
                                              .tcp_closed = ~0u,
                                              .tcp_tell_again = ~0u,
                                              .udp_new = ~0u,
                                              .udp_established = ~0u,
                                              .sctp_new = ~0u,
                                              .sctp_established = ~0u};

inline BackendState AlwaysReady(BackendId /*id*/) { return BackendState::kReady; }

// Client number i's connection: to the service, and on to backend number `backend`.
inline NewConnection Flow(uint32_t i, uint8_t protocol = kIpProtocolTcp, uint32_t backend = 1) {
  NewConnection wanted;
  wanted.original = {.source = Ipv4Address(0x0a000000 + i / 256),
                     .destination = kService,
                     .source_port = Be16(static_cast<uint16_t>(1024 + i % 256)),
                     .destination_port = Be16(80),
                     .protocol = protocol};
  wanted.translated = wanted.original;
  wanted.translated.destination = Ipv4Address(0x0af40000 + backend);
  wanted.translated.destination_port = Be16(8080);
  wanted.backend = {.number = backend, .generation = 1};
  return wanted;
}

inline NewConnection Affinity(uint32_t client, uint32_t ticks) {
  NewConnection wanted;
  wanted.original = {.source = Ipv4Address(0x0a000000 + client),
                     .destination = kService,
                     .source_port = Be16(0),
                     .destination_port = Be16(80),
                     .protocol = kIpProtocolTcp};
  wanted.kind = ConnectionKind::kAffinity;
  wanted.affinity_ticks = ticks;
  return wanted;
}

class ConnectionTableTest : public testing::Test {
 protected:
  explicit ConnectionTableTest(uint32_t capacity = 4096) : table_(&rcu_, capacity, 2) {}

  // A connection that is there now.
  Connection* Put(const NewConnection& wanted, uint32_t now = kNow) {
    const ConnectionTable::Added added = table_.Add(0, wanted, now);
    EXPECT_EQ(added.result, AddResult::kAdded);
    return added.connection;
  }
  bool Has(const NewConnection& wanted) {
    const ConnectionTable::Found original = table_.Lookup(wanted.original);
    const ConnectionTable::Found reply = table_.Lookup(wanted.translated.Reversed());
    EXPECT_EQ(original.connection, reply.connection);
    return original.connection != nullptr;
  }
  // Often enough to see all, and to give back what was unlinked.
  void ExpireAll(uint32_t now, const ConnectionTimeouts& timeouts = kTimeouts) {
    for (uint32_t seen = 0; seen <= table_.capacity(); seen += 64) {
      table_.Expire(now, timeouts, AlwaysReady);
    }
    rcu_.Poll();
  }
  uint32_t Fill() {  // until it is full; returns how many
    uint32_t i = 0;
    while (table_.Add(0, Flow(i), kNow).result == AddResult::kAdded) ++i;
    return i;
  }

  Rcu rcu_{2};
  ConnectionTable table_;
};

class SmallConnectionTable : public ConnectionTableTest {
 protected:
  SmallConnectionTable() : ConnectionTableTest(1) {}
};

}  // namespace podwarp::test
