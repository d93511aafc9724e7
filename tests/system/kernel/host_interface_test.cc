// The host port's kernel side, in a namespace that plays the node's own.
#include "platform/host_interface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>

#include "kernel/namespace.h"
#include "platform/network_namespace.h"
#include "port/tap_port.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const MacAddress kHostMac = "02:00:00:00:00:01"_mac;
const MacAddress kGateway = "02:00:00:00:00:02"_mac;
const MacAddress kOutsideMac = "02:00:00:00:00:03"_mac;

class HostInterfaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for network namespaces";
    node_ = std::make_unique<TestNamespace>();
    auto scope = NetworkNamespaceScope::Enter(node_->path());
    ASSERT_TRUE(scope.ok()) << scope.status();
    scope_ = std::make_unique<NetworkNamespaceScope>(*std::move(scope));
    port_ = Open("podwarp0", kHostMac);
  }
  void TearDown() override {
    port_.reset();
    scope_.reset();
    node_.reset();
  }

  static std::unique_ptr<TapPort> Open(const std::string& interface, MacAddress mac) {
    auto port = TapPort::Open(
        {}, {.interface = interface, .persistent = true, .mac = mac, .pool = TestPool()});
    EXPECT_TRUE(port.ok()) << port.status();
    return *std::move(port);
  }
  static HostInterfaceSettings Settings() {
    return {.mac = kHostMac,
            .mtu_bytes = 1500,
            .address = "10.244.1.1"_ip,
            .pod_ranges = {"10.244.0.0/16"_prefix},
            .service_ranges = {"10.96.0.0/12"_prefix}};
  }
  static void Configure(const HostInterfaceSettings& settings) {
    const auto status = ConfigureHostInterface(settings);
    ASSERT_TRUE(status.ok()) << status;
  }
  static std::string Output(const std::string& command) { return RunCommand(command).output; }

  // The next IPv4 or ARP frame that the kernel sends to the port; empty after 5 s.
  static Packet Next(TapPort& port) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < end) {
      pollfd ready{.fd = port.ReadinessFd(0), .events = POLLIN, .revents = 0};
      poll(&ready, 1, 100);
      rte_mbuf* frame;
      if (port.Receive(0, &frame, 1) == 0) continue;
      const MbufPtr owner(frame);
      const auto* ethernet = rte_pktmbuf_mtod(frame, const EthernetHeader*);
      if (ethernet->ether_type.host() != kEtherTypeIpv6) return FromMbuf(frame);
    }
    return {};
  }

  std::unique_ptr<TestNamespace> node_;
  std::unique_ptr<NetworkNamespaceScope> scope_;
  std::unique_ptr<TapPort> port_;
};

TEST_F(HostInterfaceTest, SaidTwiceIsTheSameAsOnce) {
  Configure(Settings());
  const std::string show = "sh -c 'ip -o -4 address; ip route; ip link; nft list ruleset'";
  const std::string once = Output(show);
  EXPECT_THAT(once, HasSubstr("10.244.1.1/32"));
  EXPECT_THAT(once, HasSubstr("10.244.0.0/16 dev podwarp0 proto 119 scope link src 10.244.1.1"));
  EXPECT_THAT(once, HasSubstr("10.96.0.0/12 dev podwarp0 proto 119 scope link src 10.244.1.1"));
  EXPECT_THAT(once, HasSubstr("table ip podwarp"));
  EXPECT_THAT(once, HasSubstr("masquerade"));
  Configure(Settings());
  EXPECT_EQ(Output(show), once);
  EXPECT_EQ(Output("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
  EXPECT_EQ(Output("cat /proc/sys/net/ipv4/conf/podwarp0/rp_filter"), "2\n");
  EXPECT_EQ(Output("cat /proc/sys/net/ipv4/conf/all/send_redirects"), "0\n");
}

TEST_F(HostInterfaceTest, WhatIsNoLongerWantedGoes) {
  HostInterfaceSettings settings = Settings();
  settings.underlay_address = "192.168.7.5"_ip;
  settings.underlay_prefix_length = 24;
  settings.underlay_router = "192.168.7.1"_ip;
  Configure(settings);
  EXPECT_THAT(
      Output("ip route"),
      HasSubstr("default via 192.168.7.1 dev podwarp0 proto 119 src 192.168.7.5 metric 10000"));
  EXPECT_THAT(Output("ip route"), HasSubstr("192.168.7.0/24 dev podwarp0"));
  settings = Settings();
  settings.service_ranges.clear();
  settings.masquerade = false;
  ASSERT_TRUE(Succeeds("ip route add 198.51.100.0/24 dev podwarp0"));
  Configure(settings);
  EXPECT_THAT(Output("ip route"), Not(HasSubstr("192.168.7")));
  EXPECT_THAT(Output("ip route"), Not(HasSubstr("10.96.0.0/12")));
  EXPECT_THAT(Output("ip route"), HasSubstr("198.51.100.0/24")) << "not podwarp's";
  EXPECT_EQ(Output("nft list ruleset"), "");
}

TEST_F(HostInterfaceTest, AnotherDefaultRouteWins) {
  ASSERT_TRUE(Succeeds("ip link add veth0 type veth peer veth1"));
  ASSERT_TRUE(Succeeds("ip link set veth0 up"));
  ASSERT_TRUE(Succeeds("ip route add default dev veth0"));
  HostInterfaceSettings settings = Settings();
  settings.underlay_address = "192.168.7.5"_ip;
  settings.underlay_prefix_length = 24;
  settings.underlay_router = "192.168.7.1"_ip;
  Configure(settings);
  EXPECT_THAT(Output("ip route"), HasSubstr("default dev veth0"));
  EXPECT_THAT(Output("ip route"), Not(HasSubstr("default via")));
}

TEST_F(HostInterfaceTest, CleanUpLeavesNothingAndOthersAlone) {
  Configure(Settings());
  ASSERT_TRUE(Succeeds("nft add table ip another"));
  port_.reset();
  for (int i = 0; i < 2; ++i) {
    const auto status = CleanUpHostInterface("podwarp0");
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(Output("ip route"), "");
  EXPECT_THAT(Output("ip link"), Not(HasSubstr("podwarp0")));
  EXPECT_EQ(Output("nft list tables"), "table ip another\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(CleanUpHostInterface("lo")));
}

TEST_F(HostInterfaceTest, TheKernelAsksForPodsWithTheHostsAddress) {
  Configure(Settings());
  BackgroundCommand ping("ping -n -c 1 -W 1 10.244.2.7");
  EXPECT_EQ(Next(*port_), Packet(Ethernet(MacAddress::Broadcast(), kHostMac) /
                                 Arp::Request(kHostMac, "10.244.1.1"_ip, "10.244.2.7"_ip)));
}

// A pod's datagram for the world outside comes in by the host port and goes out elsewhere.
TEST_F(HostInterfaceTest, PodsLeaveTheClusterWithTheNodesAddress) {
  Configure(Settings());
  const auto outside = Open("out0", "02:00:00:00:00:04"_mac);
  for (const char* command :
       {"ip link set out0 up", "ip address add 192.0.2.5/24 dev out0",
        "ip neighbour replace 192.0.2.9 lladdr 02:00:00:00:00:03 dev out0",
        "ip neighbour replace 10.244.2.7 lladdr 02:00:00:00:00:02 dev podwarp0"}) {
    ASSERT_TRUE(Succeeds(command));
  }
  const auto to_outside = [](Ipv4Address from, uint8_t ttl) {
    return Ipv4(from, "192.0.2.9"_ip).Ttl(ttl) / Udp(40'000, 53) / Payload("question");
  };
  rte_mbuf* frame = ToMbuf(Ethernet(kHostMac, kGateway) / to_outside("10.244.2.7"_ip, 64));
  ASSERT_EQ(port_->Transmit(0, &frame, 1), 1);
  EXPECT_EQ(Next(*outside), Packet(Ethernet(kOutsideMac, "02:00:00:00:00:04"_mac) /
                                   to_outside("192.0.2.5"_ip, 63)));
  // And the answer finds back.
  const auto answer = [](Ipv4Address to, uint8_t ttl) {
    return Ipv4("192.0.2.9"_ip, to).Ttl(ttl) / Udp(53, 40'000) / Payload("answer");
  };
  frame = ToMbuf(Ethernet("02:00:00:00:00:04"_mac, kOutsideMac) / answer("192.0.2.5"_ip, 64));
  ASSERT_EQ(outside->Transmit(0, &frame, 1), 1);
  EXPECT_EQ(Next(*port_), Packet(Ethernet(kGateway, kHostMac) / answer("10.244.2.7"_ip, 63)));
}

}  // namespace
}  // namespace podwarp::test
