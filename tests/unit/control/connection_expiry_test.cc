#include "control/connection_expiry.h"

#include <gtest/gtest.h>

#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

constexpr uint64_t kHz = uint64_t{1} << (kTickShift + 4);  // 16 ticks a second

TEST(ConnectionTicks, LastAtLeastAsLongAsAsked) {
  EXPECT_EQ(ConnectionTicks(absl::Seconds(1), kHz), 16u);
  EXPECT_EQ(ConnectionTicks(absl::Milliseconds(1001), kHz), 17u);
  EXPECT_EQ(ConnectionTicks(absl::ZeroDuration(), kHz), 1u);
  EXPECT_EQ(ConnectionTicks(absl::InfiniteDuration(), kHz), UINT32_MAX / 2);
}

TEST(ConnectionExpiry, NothingLastsLongerThanAnIdleConnectionMay) {
  Tables tables(1, 16);
  ConnectionsConfig config;
  config.tcp_idle = absl::Seconds(10);
  config.udp_idle = absl::Seconds(5);
  const ConnectionTimeouts timeouts =
      ConnectionExpiry(config, kHz, &tables, nullptr, nullptr).timeouts();
  EXPECT_EQ(timeouts.tcp_established, 160u);
  EXPECT_EQ(timeouts.tcp_new, 160u);
  EXPECT_EQ(timeouts.tcp_closing, 160u);
  EXPECT_EQ(timeouts.tcp_closed, 160u);
  EXPECT_EQ(timeouts.udp_new, 80u);
  EXPECT_EQ(timeouts.udp_established, 80u);
}

TEST(ConnectionExpiry, ATimeoutPassesByTheTsc) {
  Tables tables(1, 16);
  ServiceTable::ServiceSpec service;
  service.name = "default/dns:53/udp";
  service.endpoint = {
      .address = Ipv4Address(10, 96, 0, 10), .port = Be16(53), .protocol = kIpProtocolUdp};
  service.backends = {{Ipv4Address(10, 244, 1, 2), Be16(5353)}};
  ASSERT_TRUE(tables.services.Set(service).ok());
  ConnectionTable::NewConnection flow;
  flow.original.source = Ipv4Address(10, 244, 1, 1);
  flow.original.destination = service.endpoint.address;
  flow.original.source_port = Be16(1000);
  flow.original.destination_port = Be16(53);
  flow.original.protocol = kIpProtocolUdp;
  flow.translated = flow.original;
  flow.translated.destination = service.backends[0].address;
  flow.backend = tables.services.Find(service.endpoint)->all.ready[0].id;

  ConnectionExpiry expiry({}, kHz, &tables, nullptr, nullptr);
  constexpr uint64_t kStart = 1000 * kHz;
  ASSERT_EQ(tables.connections.Add(0, flow, TickOf(kStart)).result,
            ConnectionTable::AddResult::kAdded);
  expiry.Tick(kStart + 29 * kHz);
  EXPECT_NE(tables.connections.Lookup(flow.original).connection, nullptr);
  expiry.Tick(kStart + 31 * kHz);
  EXPECT_EQ(tables.connections.Lookup(flow.original).connection, nullptr);
  EXPECT_EQ(tables.connections.statistics().expired, 1u);
}

}  // namespace
}  // namespace podwarp
