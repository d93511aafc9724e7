// Services: calls of pods and of the node reach a backend, and answers come back in the service's
// name.
#include <map>

#include "control/connection_expiry.h"
#include "pipeline/service_rows.h"
#include "support/eal.h"

namespace podwarp::test {
namespace {

// A segment with some payload, so that odd and even sums occur.
template <typename Transport>
Packet FromTo(MacAddress to, MacAddress from, const Ipv4& ip, const Transport& transport,
              size_t bytes = 21) {
  return Ethernet(to, from) / ip / transport / Payload(bytes);
}

class Services : public ServiceTest {};

TEST_F(Services, TcpToAPodOnAnotherNodeAndBack) {
  const Ipv4 call(kIpA, kRemoteService), answer(kRemoteIp, kIpA);
  Check({
      {"SYN", kPodA, FromTo(kGatewayMac, kMacA, call, Tcp(40000, 80, Tcp::kSyn), 0),
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Ttl(63),
                             Tcp(40000, 8080, Tcp::kSyn), 0))},
      {"SYN, ACK", kUplink,
       FromTo(kVirtualMac, kNodeBMac, answer, Tcp(8080, 40000, Tcp::kSyn | Tcp::kAck), 0),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Ttl(63),
                           Tcp(80, 40000, Tcp::kSyn | Tcp::kAck), 0))},
      {"data there", kPodA, FromTo(kGatewayMac, kMacA, call, Tcp(40000, 80).Sequence(7)),
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Ttl(63),
                             Tcp(40000, 8080).Sequence(7)))},
      {"data back, with options", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4(answer).Options({0x94, 4, 0, 0}), Tcp(8080, 40000)),
       Sends(kPodA,
             FromTo(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Options({0x94, 4, 0, 0}).Ttl(63),
                    Tcp(80, 40000)))},
  });
  EXPECT_EQ(connections(), 1u);
}

TEST_F(Services, UdpAndItsZeroChecksum) {
  const Ipv4 call(kIpA, kRemoteService), called = Ipv4(kIpA, kRemoteIp).Ttl(63);
  Check({
      {"UDP", kPodA, FromTo(kGatewayMac, kMacA, call, Udp(40000, 53)),
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, called, Udp(40000, 5353)))},
      {"back", kUplink, FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA), Udp(5353, 40000)),
       Sends(kPodA,
             FromTo(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Ttl(63), Udp(53, 40000)))},
      {"without a checksum it stays so", kPodA,
       FromTo(kGatewayMac, kMacA, call, Udp(40000, 53).Checksum(0)),
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, called, Udp(40000, 5353).Checksum(0)))},
      {"one that is wrong stays wrong", kPodA,
       FromTo(kGatewayMac, kMacA, call, Udp(40000, 53).Checksum(0x1234)),
       [&] {
         const Packet right = FromTo(kGatewayMac, kMacA, call, Udp(40000, 53));
         const Packet sent = FromTo(kNodeBMac, kVirtualMac, called, Udp(40000, 5353));
         const auto at = [](const Packet& packet) {
           return uint32_t{packet.bytes()[40]} << 8 | packet.bytes()[41];
         };
         // As far off as it was.
         uint32_t sum = at(sent) + 0x1234 + (0xffff - at(right));
         while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
         return Sends(kUplink,
                      sent.With(40, {static_cast<uint8_t>(sum >> 8), static_cast<uint8_t>(sum)}));
       }()},
  });
}

// Every value that a UDP checksum can have, among them those next to zero.
TEST_F(Services, UdpChecksumNeverBecomesZero) {
  bool seen = false;
  for (uint32_t word = 0; word <= 0xffff; word += 1) {
    const Raw payload({static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word)});
    const Packet call =
        Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Udp(40000, 53) / payload;
    const Packet expected = Ethernet(kNodeBMac, kVirtualMac) / Ipv4(kIpA, kRemoteIp).Ttl(63) /
                            Udp(40000, 5353) / payload;
    const bool is_special = expected.bytes()[40] == 0xff && expected.bytes()[41] == 0xff;
    if (!is_special && word % 257 != 0) continue;  // a sample of the others
    seen |= is_special;
    const Result result = node.Run(kPodA, {call});
    ASSERT_EQ(result.sent.size(), 1u);
    ASSERT_EQ(result.sent[0].second.packet, expected);
  }
  EXPECT_TRUE(seen);
}

TEST_F(Services, Sctp) {
  const Ipv4 call(kIpA, kRemoteService), called = Ipv4(kIpA, kRemoteIp).Ttl(63);
  Check({
      {"there", kPodA, FromTo(kGatewayMac, kMacA, call, Sctp(40000, 99)),
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, called, Sctp(40000, 9900)))},
      {"in pieces", kPodA,
       Input(FromTo(kGatewayMac, kMacA, call, Sctp(40000, 99), 200), {.segments = {60, 0, 77}}),
       Gathered().AndSends(kUplink,
                           FromTo(kNodeBMac, kVirtualMac, called, Sctp(40000, 9900), 200))},
      {"back", kUplink, FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA), Sctp(9900, 40000)),
       Sends(kPodA,
             FromTo(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Ttl(63), Sctp(99, 40000)))},
      {"damaged", kPodA, FromTo(kGatewayMac, kMacA, call, Sctp(40000, 99).Checksum(1)),
       Drops(DropReason::kSctpChecksum)},
  });
}

TEST_F(Services, BackendOnTheSameNodeSeesWhoCalls) {
  Check({
      {"there", kPodA, FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kLocalService), Tcp(40000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63), Tcp(40000, 8080)))},
      {"back", kPodB, FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kIpA), Tcp(8080, 40000)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kLocalService, kIpA).Ttl(63), Tcp(80, 40000)))},
      {"what isn't the connection's is nobody's business", kPodB,
       FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kIpA), Tcp(8080, 40001)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kIpB, kIpA).Ttl(63), Tcp(8080, 40001)))},
  });
}

TEST_F(Services, TheNodeItselfCalls) {
  Check({
      {"there", kHost, FromTo(kGatewayMac, kHostMac, Ipv4(kHostIp, kLocalService), Tcp(40000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kHostIp, kIpB).Ttl(63), Tcp(40000, 8080)))},
      {"back", kPodB, FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kHostIp), Tcp(8080, 40000)),
       Sends(kHost,
             FromTo(kHostMac, kGatewayMac, Ipv4(kLocalService, kHostIp).Ttl(63), Tcp(80, 40000)))},
  });
}

TEST_F(Services, BackendOfTheHostNetwork) {
  Set(kLocalService, kIpProtocolTcp, 443, {{kUnderlayIp, Be16(6443)}});
  Check({
      {"here", kPodA, FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kLocalService), Tcp(40000, 443)),
       Sends(kHost,
             FromTo(kHostMac, kGatewayMac, Ipv4(kIpA, kUnderlayIp).Ttl(63), Tcp(40000, 6443)))},
      {"its answer", kHost,
       FromTo(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kIpA), Tcp(6443, 40000)),
       Sends(kPodA,
             FromTo(kMacA, kGatewayMac, Ipv4(kLocalService, kIpA).Ttl(63), Tcp(443, 40000)))},
      {"the node calls itself", kHost,
       FromTo(kGatewayMac, kHostMac, Ipv4(kHostIp, kLocalService), Tcp(40000, 443)),
       Sends(kHost, FromTo(kHostMac, kGatewayMac, Ipv4(kGatewayIp, kUnderlayIp).Ttl(63),
                           Tcp(40000, 6443)))},
      {"and answers itself", kHost,
       FromTo(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kGatewayIp), Tcp(6443, 40000)),
       Sends(kHost,
             FromTo(kHostMac, kGatewayMac, Ipv4(kLocalService, kHostIp).Ttl(63), Tcp(443, 40000)))},
  });
}

TEST_F(Services, PodReachesItself) {
  const Packet call = FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kOwnService), Tcp(40000, 80));
  Check({
      {"by the hairpin address", kPodA, call,
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kGatewayIp, kIpA).Ttl(63), Tcp(40000, 8080)))},
      {"and back", kPodA, FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kGatewayIp), Tcp(8080, 40000)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kOwnService, kIpA).Ttl(63), Tcp(80, 40000)))},
      {"UDP too", kPodA, FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kOwnService), Udp(40000, 53)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kGatewayIp, kIpA).Ttl(63), Udp(40000, 8080)))},
      {"others are seen as who they are", kPodB,
       FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kOwnService), Tcp(40000, 80)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kIpB, kIpA).Ttl(63), Tcp(40000, 8080)))},
  });
}

TEST_F(Services, PodDoesNotReachItselfWithoutHairpin) {
  const Packet call = FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kOwnService), Tcp(40000, 80));
  NodeSettings changed = node.settings;
  changed.allow_hairpin = false;
  node.Publish(changed);
  Check({
      {"hairpin_mode none", kPodA, call, Drops(DropReason::kServiceHairpinOff)},
      {"others do", kPodB, FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kOwnService), Tcp(40000, 80)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kIpB, kIpA).Ttl(63), Tcp(40000, 8080)))},
  });
  changed.allow_hairpin = true;
  changed.hairpin_address = Ipv4Address();
  node.Publish(changed);
  Check({{"nobody to stand in", kPodA, call, Drops(DropReason::kServiceHairpinAddress)}});
}

TEST_F(Services, WhatNobodyServesIsRefusedAtOnce) {
  const auto refused = [](Ipv4Address service, uint16_t port) {
    return AtA(Ipv4(service, kIpA).DontFragment(),
               Tcp(port, 40000, Tcp::kRst | Tcp::kAck).Window(0).Acknowledgement(1001));
  };
  const auto syn = [](Ipv4Address service, uint16_t port) {
    return Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, service) /
           Tcp(40000, port, Tcp::kSyn).Sequence(1000);
  };
  const auto datagram = [](Ipv4Address service, uint16_t port) {
    return FromTo(kGatewayMac, kMacA, Ipv4(kIpA, service), Udp(40000, port));
  };
  const Icmp unreachable = Icmp::Unreachable(kIcmpPortUnreachable);
  Check({
      {"no backend, TCP", kPodA, syn(kEmptyService, 80),
       Drops(DropReason::kServiceNoBackend).AndSends(kPodA, refused(kEmptyService, 80))},
      {"no backend, UDP", kPodA, datagram(kEmptyService, 53),
       Drops(DropReason::kServiceNoBackend)
           .AndSends(kPodA, ErrorToA(datagram(kEmptyService, 53), unreachable))},
      {"no such port, TCP", kPodA, syn(kRemoteService, 81),
       Drops(DropReason::kServiceNoPort).AndSends(kPodA, refused(kRemoteService, 81))},
      {"no such port, UDP", kPodA, datagram(kRemoteService, 80),
       Drops(DropReason::kServiceNoPort)
           .AndSends(kPodA, ErrorToA(datagram(kRemoteService, 80), unreachable, 1))},
      {"a segment with an acknowledgement", kPodA,
       FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kEmptyService),
              Tcp(40000, 80).Sequence(5).Acknowledgement(77)),
       Drops(DropReason::kServiceNoBackend)
           .AndSends(kPodA, AtA(Ipv4(kEmptyService, kIpA).DontFragment(),
                                Tcp(80, 40000, Tcp::kRst).Window(0).Sequence(77)))},
      {"a reset is not answered", kPodA,
       FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService), Tcp(40000, 80, Tcp::kRst)),
       Drops(DropReason::kServiceNotConnected)},
      {"from the wire", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kRemoteService), Tcp(40000, 80)),
       Drops(DropReason::kServiceFromUplink)},
      {"cut short", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService).Protocol(kIpProtocolTcp) /
           Payload(19),
       Drops(DropReason::kTransportTruncated)},
      {"its header in pieces", kPodA, Input(syn(kRemoteService, 80), {.segments = {14 + 20 + 19}}),
       Drops(DropReason::kTransportTruncated)},
  });
  EXPECT_EQ(connections(), 0u);
}

TEST_F(Services, AnswerPing) {
  Check({
      {"a pod asks", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Icmp::Echo(1, 2) / Payload(56),
       Sends(kPodA, AtA(Ipv4(kRemoteService, kIpA), Icmp::EchoReply(1, 2) / Payload(56)))},
      {"the node asks", kHost,
       Ethernet(kGatewayMac, kHostMac) / Ipv4(kHostIp, kEmptyService) / Icmp::Echo(1, 2),
       Sends(kHost, Ethernet(kHostMac, kGatewayMac) / Ipv4(kEmptyService, kHostIp) /
                        Icmp::EchoReply(1, 2))},
      {"the wire asks", kUplink,
       Ethernet(kVirtualMac, kNodeBMac) / Ipv4(kRemoteIp, kRemoteService) / Icmp::Echo(1, 2),
       Drops(DropReason::kServiceFromUplink)},
  });
}

// --- Backends that come and go ---

// Where the only frame went, by the address and port that it was given.
std::string WentTo(const Result& result) {
  if (result.sent.size() != 1) return "nowhere";
  const Bytes& bytes = result.sent[0].second.packet.bytes();
  uint32_t address = 0;
  for (size_t i = 30; i < 34; ++i) address = address << 8 | bytes[i];
  return Ipv4Address(address).ToString();
}

class Backends : public ServiceTest {
 protected:
  std::string Call(uint16_t client_port, uint8_t flags = Tcp::kAck) {
    return WentTo(node.Run(kPodA, {FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService),
                                          Tcp(client_port, 80, flags))}));
  }
  std::string Ask(uint16_t client_port) {
    return WentTo(node.Run(
        kPodA, {FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService), Udp(client_port, 53))}));
  }
  void SetTcp(const BackendSpecs& backends, uint32_t affinity_ticks = 0) {
    Set(kRemoteService, kIpProtocolTcp, 80, backends, affinity_ticks);
  }

  const ServiceTable::BackendSpec one{"10.244.2.1"_ip, Be16(80)}, two{"10.244.2.2"_ip, Be16(80)},
      three{"10.244.2.3"_ip, Be16(80)};
  const ServiceTable::BackendSpec one_ends{"10.244.2.1"_ip, Be16(80), /*is_terminating=*/true};
};

TEST_F(Backends, AllGetTheirShare) {
  SetTcp({one, two, three});
  std::map<std::string, int> share;
  for (uint16_t port = 40000; port < 40600; ++port) ++share[Call(port, Tcp::kSyn)];
  ASSERT_EQ(share.size(), 3u);
  for (const auto& [backend, count] : share) EXPECT_GT(count, 150) << backend;
}

TEST_F(Backends, ConnectionsStayWhenOthersComeOrGo) {
  SetTcp({one, two});
  std::map<uint16_t, std::string> backend_of;
  for (uint16_t port = 40000; port < 40100; ++port) backend_of[port] = Call(port, Tcp::kSyn);
  SetTcp({two, three, one});
  for (const auto& [port, backend] : backend_of) EXPECT_EQ(Call(port), backend) << port;
}

TEST_F(Backends, TcpOfAGoneBackendIsReset) {
  SetTcp({one});
  EXPECT_EQ(Call(40000, Tcp::kSyn), "10.244.2.1");
  EXPECT_EQ(Call(40001, Tcp::kSyn), "10.244.2.1");
  SetTcp({two});
  Check({{"reset", kPodA,
          FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService),
                 Tcp(40000, 80).Sequence(5).Acknowledgement(1234)),
          Drops(DropReason::kServiceBackendGone)
              .AndSends(kPodA, AtA(Ipv4(kRemoteService, kIpA).DontFragment(),
                                   Tcp(80, 40000, Tcp::kRst).Window(0).Sequence(1234)))}});
  EXPECT_EQ(Call(40001, Tcp::kSyn), "10.244.2.2") << "a new beginning from the same port";
}

// It has sent its request, and would never send again by itself.
TEST_F(Backends, AClientThatWaitsForAGoneBackendIsReset) {
  std::vector<std::pair<PortId, Packet>> asked;
  const auto send = [&](PortId port, rte_mbuf* frame) {
    asked.emplace_back(port, FromMbuf(MbufPtr(frame).get()));
    return true;
  };
  ConnectionExpiry expiry({}, /*tsc_hz=*/uint64_t{1} << 31, &node.tables, send, TestPool());
  SetTcp({one});
  EXPECT_EQ(Call(40000, Tcp::kSyn), "10.244.2.1");
  node.Run(kUplink, {FromTo(kVirtualMac, kNodeBMac, Ipv4("10.244.2.1"_ip, kIpA),
                            Tcp(80, 40000, Tcp::kSyn | Tcp::kAck))});
  EXPECT_EQ(Call(40000), "10.244.2.1");
  expiry.Tick(node.context.now);
  EXPECT_TRUE(asked.empty());

  SetTcp({two});
  for (int i = 0; i < 3; ++i) expiry.Tick(node.context.now);
  ASSERT_EQ(asked.size(), 1u) << "asked once";
  EXPECT_EQ(asked[0].first, kPodA);
  // Nobody expects byte 0, so that the client says what it does expect.
  EXPECT_EQ(asked[0].second,
            AtA(Ipv4(kRemoteService, kIpA).DontFragment(), Tcp(80, 40000, Tcp::kAck).Window(0)));
  Check({{"its answer", kPodA,
          Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) /
              Tcp(40000, 80).Sequence(7).Acknowledgement(4321),
          Drops(DropReason::kServiceBackendGone)
              .AndSends(kPodA, AtA(Ipv4(kRemoteService, kIpA).DontFragment(),
                                   Tcp(80, 40000, Tcp::kRst).Window(0).Sequence(4321)))}});
}

TEST_F(Backends, UdpOfAGoneBackendMovesAtOnce) {
  Set(kRemoteService, kIpProtocolUdp, 53, {one});
  EXPECT_EQ(Ask(40000), "10.244.2.1");
  Set(kRemoteService, kIpProtocolUdp, 53, {two});
  EXPECT_EQ(Ask(40000), "10.244.2.2");
}

TEST_F(Backends, OneThatEndsKeepsWhatItHas) {
  SetTcp({one});
  EXPECT_EQ(Call(40000, Tcp::kSyn), "10.244.2.1");
  SetTcp({one_ends, two});
  EXPECT_EQ(Call(40000), "10.244.2.1");
  for (uint16_t port = 40001; port < 40050; ++port) EXPECT_EQ(Call(port, Tcp::kSyn), "10.244.2.2");
  SetTcp({two});
  EXPECT_EQ(Call(40000), "10.244.1.10") << "the reset comes back to the caller";
}

TEST_F(Backends, AClosedConnectionBeginsAnewAtAReadyBackend) {
  SetTcp({one});
  EXPECT_EQ(Call(40000, Tcp::kSyn), "10.244.2.1");
  EXPECT_EQ(Call(40000, Tcp::kFin | Tcp::kAck), "10.244.2.1");
  node.Run(kUplink, {FromTo(kVirtualMac, kNodeBMac, Ipv4("10.244.2.1"_ip, kIpA),
                            Tcp(80, 40000, Tcp::kFin | Tcp::kAck))});
  SetTcp({one_ends, two});
  EXPECT_EQ(Call(40000), "10.244.2.1") << "the last acknowledgement";
  EXPECT_EQ(Call(40000, Tcp::kSyn), "10.244.2.2");
}

// Answers alone, which anybody's SYN gets, make no connection that is worth keeping.
TEST_F(Backends, IsEstablishedOnceTheClientGoesOn) {
  SetTcp({one});
  const auto state = [&] {
    FlowKey key;
    key.source = kIpA;
    key.destination = kRemoteService;
    key.source_port = Be16(40000);
    key.destination_port = Be16(80);
    key.protocol = kIpProtocolTcp;
    return node.tables.connections.Lookup(key).connection->state.load();
  };
  Call(40000, Tcp::kSyn);
  EXPECT_EQ(state(), ConnectionState::kNew);
  const Packet answer = FromTo(kVirtualMac, kNodeBMac, Ipv4("10.244.2.1"_ip, kIpA),
                               Tcp(80, 40000, Tcp::kSyn | Tcp::kAck));
  node.Run(kUplink, {answer});
  EXPECT_EQ(state(), ConnectionState::kNew);
  Call(40000, Tcp::kSyn);
  EXPECT_EQ(state(), ConnectionState::kNew) << "its SYN again";
  Call(40000);
  EXPECT_EQ(state(), ConnectionState::kEstablished);
  Call(40000, Tcp::kFin | Tcp::kAck);
  EXPECT_EQ(state(), ConnectionState::kClosing);
  node.Run(kUplink, {FromTo(kVirtualMac, kNodeBMac, Ipv4("10.244.2.1"_ip, kIpA),
                            Tcp(80, 40000, Tcp::kFin | Tcp::kAck))});
  EXPECT_EQ(state(), ConnectionState::kClosed);
}

// Two SYNs of one burst, after the connection before them has ended.
TEST_F(Backends, ABurstBeginsAnewOnlyOnce) {
  SetTcp({one});
  Call(40000, Tcp::kSyn);
  Call(40000, Tcp::kRst | Tcp::kAck);
  SetTcp({one_ends, two});
  const Packet syn =
      FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService), Tcp(40000, 80, Tcp::kSyn));
  const Result result = node.Run(kPodA, {syn, syn});
  ASSERT_EQ(result.sent.size(), 2u);
  for (const auto& [port, frame] : result.sent) {
    EXPECT_EQ(WentTo({.sent = {{port, frame}}}), "10.244.2.2");
  }
}

// As after a restart of podwarp: the ring alone leads to the same backend.
TEST_F(Backends, AnUnknownConnectionFindsItsBackendAgain) {
  SetTcp({one, two, three});
  std::map<uint16_t, std::string> backend_of;
  for (uint16_t port = 40000; port < 40050; ++port) backend_of[port] = Call(port, Tcp::kSyn);
  std::vector<Connection*> all;
  for (const auto& [port, backend] : backend_of) {
    FlowKey key;
    key.source = kIpA;
    key.destination = kRemoteService;
    key.source_port = Be16(port);
    key.destination_port = Be16(80);
    key.protocol = kIpProtocolTcp;
    Connection* connection = node.tables.connections.Lookup(key).connection;
    ASSERT_NE(connection, nullptr);
    node.tables.connections.Remove(connection);
  }
  for (const auto& [port, backend] : backend_of) EXPECT_EQ(Call(port), backend) << port;
}

TEST_F(Backends, AffinityHoldsAsLongAsItIsUsed) {
  SetTcp({one, two, three}, /*affinity_ticks=*/100);
  const std::string first = Call(40000, Tcp::kSyn);
  for (uint16_t port = 40001; port < 40020; ++port) EXPECT_EQ(Call(port, Tcp::kSyn), first);
  // A ring with more backends would send some of its clients elsewhere, but this one it knows.
  for (uint8_t more = 4; more < 60; ++more) {
    BackendSpecs backends{one, two, three};
    for (uint8_t i = 4; i <= more; ++i) backends.push_back({Ipv4Address(10, 244, 2, i), Be16(80)});
    SetTcp(backends, 100);
    Wait(99);
    EXPECT_EQ(Call(static_cast<uint16_t>(40100 + more), Tcp::kSyn), first);
  }
  // To a worker whose clock is behind the one that has just refreshed it, it is fresh.
  const uint64_t now = node.context.now;
  node.pipeline.BeginRound(now - (uint64_t{1} << kTickShift));
  EXPECT_EQ(Call(40999, Tcp::kSyn), first);
  node.pipeline.BeginRound(now);
  // Its backend ends: another one, for good.
  BackendSpecs others;
  for (const auto& backend : {one, two, three}) {
    if (backend.address.ToString() != first) others.push_back(backend);
  }
  SetTcp(others, 100);
  const std::string second = Call(41000, Tcp::kSyn);
  EXPECT_NE(second, first);
  SetTcp({one, two, three}, 100);
  EXPECT_EQ(Call(41001, Tcp::kSyn), second);
}

TEST_F(Backends, TwoServicesWithOneBackendFromOnePort) {
  Set(kRemoteService, kIpProtocolTcp, 80, {one});
  Set(kLocalService, kIpProtocolTcp, 80, {one});
  const Result first = node.Run(
      kPodA, {FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService), Tcp(40000, 80, Tcp::kSyn))});
  const Result second = node.Run(
      kPodA, {FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kLocalService), Tcp(40000, 80, Tcp::kSyn))});
  ASSERT_EQ(WentTo(first), "10.244.2.1");
  ASSERT_EQ(WentTo(second), "10.244.2.1");
  const auto source_port = [](const Result& result) {
    const Bytes& bytes = result.sent[0].second.packet.bytes();
    return static_cast<uint16_t>(bytes[34] << 8 | bytes[35]);
  };
  EXPECT_EQ(source_port(first), 40000);
  const uint16_t other = source_port(second);
  EXPECT_NE(other, 40000);
  Check({
      {"answer of the first", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4("10.244.2.1"_ip, kIpA), Tcp(80, 40000)),
       Sends(kPodA,
             FromTo(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Ttl(63), Tcp(80, 40000)))},
      {"answer of the second", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4("10.244.2.1"_ip, kIpA), Tcp(80, other)),
       Sends(kPodA, FromTo(kMacA, kGatewayMac, Ipv4(kLocalService, kIpA).Ttl(63), Tcp(80, 40000)))},
  });
}

}  // namespace
}  // namespace podwarp::test
