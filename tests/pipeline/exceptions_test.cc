// What a router must say (RFC 792, RFC 1812 4.3 and 5.2.7, RFC 1191), and when it must say nothing.
#include "pipeline/ip_rows.h"
#include "support/fake_clock.h"

namespace podwarp::test {
namespace {

class Exceptions : public NodeTest {
 protected:
  // A pod behind a link with a small MTU.
  const Ipv4Address small_ip = "10.244.1.50"_ip;
  const MacAddress small_mac = "02:00:00:00:05:05"_mac;
  const PortId small = node.AddPod("small", small_mac, small_ip, {}, /*mtu_bytes=*/1000);
};

Icmp Unreachable(IcmpUnreachableCode code) { return Icmp::Unreachable(code); }

// --- For podwarp itself ---

TEST_F(Exceptions, GatewayAnswersPing) {
  const auto ping = [](const Ipv4& ip) {
    return Ethernet(kGatewayMac, kMacA) / ip / Icmp::Echo(7, 9) / Payload(56);
  };
  const auto pong = [](const Ipv4& ip) {
    return Ethernet(kMacA, kGatewayMac) / ip / Icmp::EchoReply(7, 9) / Payload(56);
  };
  const Ipv4 there(kIpA, kGatewayIp), back(kGatewayIp, kIpA);
  const Packet big = Ethernet(kGatewayMac, kMacA) / there / Icmp::Echo(1, 2) / Payload(1472);
  const Packet big_pong =
      Ethernet(kMacA, kGatewayMac) / back / Icmp::EchoReply(1, 2) / Payload(1472);
  const Packet odd = Ethernet(kGatewayMac, kMacA) / there / Icmp::Echo(1, 2) / Payload(5);
  const Packet odd_pong = Ethernet(kMacA, kGatewayMac) / back / Icmp::EchoReply(1, 2) / Payload(5);
  Check({
      {"as it usually comes", kPodA, ping(Ipv4(there).Id(77).DontFragment()),
       Sends(kPodA, pong(Ipv4(back).Id(77).DontFragment()))},
      {"with its last hop", kPodA, ping(Ipv4(there).Ttl(1)), Sends(kPodA, pong(back))},
      {"with options", kPodA, ping(Ipv4(there).Options({0x94, 4, 0, 0})),
       Sends(kPodA, pong(Ipv4(back).Options({0x94, 4, 0, 0})))},
      {"as large as fits", kPodA, big, Sends(kPodA, big_pong)},
      {"in pieces", kPodA, Input(big, {.segments = {42, 0, 33, 700}}),
       Gathered().AndSends(kPodA, big_pong)},
      {"of odd length, padded with rubbish", kPodA, odd.PadTo(60, 0xee),
       Sends(kPodA, odd_pong.PadTo(60, 0xee))},
      {"by the node's kernel", kHost,
       Ethernet(kGatewayMac, kHostMac) / Ipv4(kHostIp, kGatewayIp) / Icmp::Echo(1, 2),
       Sends(kHost,
             Ethernet(kHostMac, kGatewayMac) / Ipv4(kGatewayIp, kHostIp) / Icmp::EchoReply(1, 2))},
      {"by a remote pod", kUplink,
       Ethernet(kVirtualMac, kNodeBMac) / Ipv4(kRemoteIp, kGatewayIp) / Icmp::Echo(1, 2),
       Sends(kUplink, Ethernet(kNodeBMac, kVirtualMac) / Ipv4(kGatewayIp, kRemoteIp) /
                          Icmp::EchoReply(1, 2))},
  });
}

TEST_F(Exceptions, GatewayAnswersNothingThatIsDamaged) {
  const Ethernet frame(kGatewayMac, kMacA);
  const Ipv4 ip(kIpA, kGatewayIp);
  const Packet echo = Icmp::Echo(1, 2) / Payload(56);
  Check({
      {"wrong ICMP checksum", kPodA, frame / ip / Icmp::Echo(1, 2).Checksum(1) / Payload(8),
       Drops(DropReason::kLocalIcmpInvalid)},
      {"7 bytes of ICMP", kPodA, (frame / ip / Packet(Icmp::Echo(1, 2)).Truncate(7)).PadTo(60),
       Drops(DropReason::kLocalIcmpInvalid)},
      {"no byte of ICMP", kPodA, frame / Ipv4(ip).Protocol(kIpProtocolIcmp) / Payload(0),
       Drops(DropReason::kLocalIcmpInvalid)},
      {"its header in pieces", kPodA, Input(frame / ip / echo, {.segments = {41}}),
       Drops(DropReason::kLocalIcmpInvalid)},
      {"a first fragment", kPodA, frame / Ipv4(ip).MoreFragments() / echo,
       Drops(DropReason::kLocalFragment)},
      {"a last fragment", kPodA, frame / Ipv4(ip).FragmentOffset(64) / echo,
       Drops(DropReason::kLocalFragment)},
  });
}

TEST_F(Exceptions, GatewayServesNothingElse) {
  const auto to_gateway = [](const Packet& inside) {
    return Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kGatewayIp) / inside;
  };
  const Packet udp = to_gateway(Udp(1000, 53) / Payload(20));
  const Packet tcp = to_gateway(Tcp(1000, 80, Tcp::kSyn));
  const Packet other = to_gateway(Payload(20));
  const Packet error =
      to_gateway(Unreachable(kIcmpHostUnreachable) / FromA(Ipv4(kGatewayIp, kIpA)).Skip(14));
  Check({
      {"UDP", kPodA, udp,
       Drops(DropReason::kLocalNotServed)
           .AndSends(kPodA, ErrorToA(udp, Unreachable(kIcmpPortUnreachable), 0))},
      {"TCP", kPodA, tcp,
       Drops(DropReason::kLocalNotServed)
           .AndSends(kPodA, ErrorToA(tcp, Unreachable(kIcmpPortUnreachable), 1))},
      {"another protocol", kPodA, other,
       Drops(DropReason::kLocalNotServed)
           .AndSends(kPodA, ErrorToA(other, Unreachable(kIcmpProtocolUnreachable), 2))},
      {"an echo reply: discarded in silence (RFC 1122 3.2.2)", kPodA,
       to_gateway(Icmp::EchoReply(1, 2)), Drops(DropReason::kLocalNotServed)},
      {"a timestamp request", kPodA, to_gateway(Icmp(13, 0) / Payload(12)),
       Drops(DropReason::kLocalNotServed)},
      {"an ICMP error", kPodA, error, Drops(DropReason::kLocalNotServed)},
  });
}

// Without a host port the gateway answers for the node's address on the wire.
TEST_F(Exceptions, AnswersFindTheirWayLikeTheNodesOwnPackets) {
  node.AddRoute(Ipv4Prefix::Host(kUnderlayIp), {.kind = NextHopKind::kLocal});
  const auto ping = [](MacAddress from, Ipv4Address source) {
    return Ethernet(kVirtualMac, from) / Ipv4(source, kUnderlayIp) / Icmp::Echo(1, 2);
  };
  const auto pong = [](MacAddress to, Ipv4Address asker) {
    return Ethernet(to, kVirtualMac) / Ipv4(kUnderlayIp, asker) / Icmp::EchoReply(1, 2);
  };
  Check({
      {"to another node", kUplink, ping(kNodeBMac, kNodeBIp),
       Sends(kUplink, pong(kNodeBMac, kNodeBIp))},
      {"to a host on the segment", kUplink, ping(kHost77Mac, kHost77Ip),
       Sends(kUplink, pong(kHost77Mac, kHost77Ip))},
      {"to one that is yet to be asked for", kUplink, ping(kStrangerMac, kOnLinkIp),
       Drops(DropReason::kNeighborUnresolved)
           .AndTells(EventKind::kNeighborWanted, kNoPort, kOnLinkIp, MacAddress())},
      {"to one that is being asked for", kUplink, ping(kNodeDMac, kNodeDIp),
       Drops(DropReason::kNeighborUnresolved)},
      {"outside, by the router", kUplink, ping(kRouterMac, kOutsideIp),
       Sends(kUplink, pong(kRouterMac, kOutsideIp))},
      {"to nobody", kUplink, ping(kNodeBMac, kUnownedIp), Drops(DropReason::kUnownedAddress)},
      {"to podwarp itself: no echo of an echo", kUplink, ping(kNodeBMac, kGatewayIp),
       Drops(DropReason::kLocalNotServed)},
  });
}

// --- Errors ---

TEST_F(Exceptions, TimeExceeded) {
  const Packet last = FromA(Ipv4(kIpA, kIpB).Ttl(1)), late = FromA(Ipv4(kIpA, kIpB).Ttl(0));
  const Packet outward = FromA(Ipv4(kIpA, kRemoteIp).Ttl(1));
  const Packet outside = FromA(Ipv4(kIpA, kOutsideIp).Ttl(1));
  const Packet inward = Datagram(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA).Ttl(1));
  const Packet tagged = Ethernet(kVirtualMac, kNodeCMac) / Vlan(kTrunkVlan) /
                        Ipv4(kTrunkRemoteIp, kIpA).Ttl(1) / Udp(1, 33434) / Payload(32);
  const Packet untagged = Ethernet(kVirtualMac, kNodeCMac) / Ipv4(kTrunkRemoteIp, kIpA).Ttl(1) /
                          Udp(1, 33434) / Payload(32);
  const auto expired = [] { return Drops(DropReason::kTtlExpired); };
  const Packet tagged_error = Ethernet(kNodeCMac, kVirtualMac) / Vlan(kTrunkVlan) /
                              Ipv4(kTrunkUnderlayIp, kTrunkRemoteIp).Tos(0xc0).Id(5) /
                              Icmp::TimeExceeded() / untagged.Skip(14);
  Check({
      {"TTL 1", kPodA, last, expired().AndSends(kPodA, ErrorToA(last, Icmp::TimeExceeded(), 0))},
      {"TTL 0", kPodA, late, expired().AndSends(kPodA, ErrorToA(late, Icmp::TimeExceeded(), 1))},
      {"on the way to another node", kPodA, outward,
       expired().AndSends(kPodA, ErrorToA(outward, Icmp::TimeExceeded(), 2))},
      {"on the way outside", kPodA, outside,
       expired().AndSends(kPodA, ErrorToA(outside, Icmp::TimeExceeded(), 3))},
      {"from the wire, where the node has another address", kUplink, inward,
       expired().AndSends(kUplink, ErrorAbout(inward, Icmp::TimeExceeded(), kNodeBMac, kVirtualMac,
                                              kUnderlayIp, kRemoteIp, 4))},
      {"from the trunk", kTrunk, tagged, expired().AndSends(kTrunk, tagged_error)},
  });
}

TEST_F(Exceptions, Unreachable) {
  const auto to = [](Ipv4Address ip) { return FromA(Ipv4(kIpA, ip)); };
  const auto error = [](const Packet& frame, IcmpUnreachableCode code, uint16_t id) {
    return ErrorToA(frame, Icmp::Unreachable(code), id);
  };
  const Packet unowned = to(kUnownedIp), reserved = to(kReservedIp), service = to(kServiceIp);
  Check({
      {"nobody's address", kPodA, unowned,
       Drops(DropReason::kUnownedAddress).AndSends(kPodA, error(unowned, kIcmpHostUnreachable, 0))},
      {"a reserved address", kPodA, reserved,
       Drops(DropReason::kUnownedAddress)
           .AndSends(kPodA, error(reserved, kIcmpHostUnreachable, 1))},
      {"a service without backends", kPodA, service,
       Drops(DropReason::kUnownedAddress).AndSends(kPodA, error(service, kIcmpHostUnreachable, 2))},
  });
  NodeSettings changed = node.settings;
  changed.external_from_pod = kNoAdjacency;
  node.Publish(changed);
  const Packet outside = to(kOutsideIp);
  Check({{"a world that no route leads to", kPodA, outside,
          Drops(DropReason::kNoRoute).AndSends(kPodA, error(outside, kIcmpNetUnreachable, 3))}});
}

TEST_F(Exceptions, FragmentationNeeded) {
  const Ipv4 whole = Ipv4(kIpA, small_ip).DontFragment();
  const auto sized = [&](size_t ip_bytes) { return FromA(whole, ip_bytes - 28); };
  Check({
      {"a byte too long", kPodA, sized(1001),
       Drops(DropReason::kMtuExceeded)
           .AndSends(kPodA, ErrorToA(sized(1001), Icmp::FragmentationNeeded(1000), 0))},
      {"as long as fits", kPodA, sized(1000),
       Sends(small, Datagram(small_mac, kGatewayMac, Ipv4(whole).Ttl(63), 972))},
      {"padding doesn't count", kPodA, sized(1000).PadTo(1200),
       Sends(small, Datagram(small_mac, kGatewayMac, Ipv4(whole).Ttl(63), 972).PadTo(1200))},
      {"from the wire", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, small_ip).DontFragment(), 1200),
       Drops(DropReason::kMtuExceeded)
           .AndSends(kUplink, ErrorAbout(Datagram(kVirtualMac, kNodeBMac,
                                                  Ipv4(kRemoteIp, small_ip).DontFragment(), 1200),
                                         Icmp::FragmentationNeeded(1000), kNodeBMac, kVirtualMac,
                                         kUnderlayIp, kRemoteIp, 1))},
  });
}

TEST_F(Exceptions, ErrorsQuoteAsMuchAsFitsInto576Bytes) {
  for (const size_t payload : {0u, 1u, 519u, 520u, 521u, 1400u}) {
    const Packet frame = FromA(Ipv4(kIpA, kIpB).Ttl(1), payload);
    const Result result = node.Run(kPodA, {Input(frame, {.segments = {34, 100, 0, 1}})});
    ASSERT_EQ(result.sent.size(), 1u);
    const Packet& error = result.sent[0].second.packet;
    EXPECT_EQ(error.size(), std::min<size_t>(14 + 576, 14 + 28 + 28 + payload));
    EXPECT_EQ(error.Skip(14 + 28), frame.Skip(14).Truncate(548));
  }
}

// RFC 1812 4.3.2.7.
TEST_F(Exceptions, NoErrorsAboutWhatMustNotCauseThem) {
  const auto expiring = [](const Ipv4& ip, const Packet& inside) {
    return Ethernet(kGatewayMac, kMacA) / Ipv4(ip).Ttl(1) / inside;
  };
  const Ipv4 ip(kIpA, kIpB);
  const Outcome silent = Drops(DropReason::kTtlExpired);
  const Packet about = FromA(Ipv4(kIpB, kIpA)).Skip(14).Truncate(28);
  const Packet echo = expiring(ip, Icmp::Echo(1, 2));
  const Packet first = expiring(Ipv4(ip).MoreFragments(), Udp(1, 2) / Payload(64));
  Check({
      {"unreachable", kPodA, expiring(ip, Unreachable(kIcmpPortUnreachable) / about), silent},
      {"time exceeded", kPodA, expiring(ip, Icmp::TimeExceeded() / about), silent},
      {"source quench", kPodA, expiring(ip, Icmp(kIcmpSourceQuench, 0) / about), silent},
      {"redirect", kPodA, expiring(ip, Icmp(kIcmpRedirect, 1) / about), silent},
      {"parameter problem", kPodA, expiring(ip, Icmp(kIcmpParameterProblem, 0) / about), silent},
      {"ICMP that is too short to tell", kPodA, expiring(ip, Packet(Icmp::Echo(1, 2)).Truncate(4)),
       silent},
      {"a later fragment", kPodA,
       expiring(Ipv4(ip).FragmentOffset(64).Protocol(kIpProtocolUdp), Payload(64)), silent},
      {"but about an echo request", kPodA, echo,
       Drops(DropReason::kTtlExpired).AndSends(kPodA, ErrorToA(echo, Icmp::TimeExceeded(), 0))},
      {"and about a first fragment", kPodA, first,
       Drops(DropReason::kTtlExpired).AndSends(kPodA, ErrorToA(first, Icmp::TimeExceeded(), 1))},
  });
}

TEST_F(Exceptions, ErrorsAreRateLimited) {
  FakeClock clock;
  node.context.limits.icmp_errors = Rate(/*per_second=*/100, /*at_once=*/5, FakeClock::kHz);
  clock.Advance(absl::Seconds(1));
  node.pipeline.BeginRound(clock.now);
  const std::vector<Input> flood(50, FromA(Ipv4(kIpA, kIpB).Ttl(1)));
  const Result result = node.Run(kPodA, flood);
  EXPECT_EQ(result.sent.size(), 5u);
  EXPECT_EQ(result.dropped, std::vector<DropReason>(50, DropReason::kTtlExpired));
  clock.Advance(absl::Milliseconds(20));
  node.pipeline.BeginRound(clock.now);
  EXPECT_EQ(node.Run(kPodA, flood).sent.size(), 2u);
}

}  // namespace
}  // namespace podwarp::test
