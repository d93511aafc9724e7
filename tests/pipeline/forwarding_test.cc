// Packets that simply go on: who may send, where to, and what changes on the way.
#include "pipeline/ip_rows.h"

namespace podwarp::test {
namespace {

class Forwarding : public NodeTest {};

// One hop further: the TTL falls from 64 to 63, the checksum with it, nothing else changes.
Packet Arriving(MacAddress to, MacAddress from, Ipv4Address source, Ipv4Address destination) {
  return Datagram(to, from, Ipv4(source, destination).Ttl(63));
}
Packet Tagged(MacAddress to, MacAddress from, const Ipv4& ip, uint16_t vlan = kTrunkVlan) {
  return Ethernet(to, from) / Vlan(vlan) / ip / Udp(1000, 2000) / Payload(50);
}

TEST_F(Forwarding, PodsReachOneAnother) {
  Check({
      {"on this node", kPodA, FromA(Ipv4(kIpA, kIpB)),
       Sends(kPodB, Arriving(kMacB, kGatewayMac, kIpA, kIpB))},
      {"the other's second address", kPodA, FromA(Ipv4(kIpA, kSecondIpB)),
       Sends(kPodB, Arriving(kMacB, kGatewayMac, kIpA, kSecondIpB))},
      {"from the second address", kPodB, Datagram(kGatewayMac, kMacB, Ipv4(kSecondIpB, kIpA)),
       Sends(kPodA, Arriving(kMacA, kGatewayMac, kSecondIpB, kIpA))},
      {"from an allowed prefix", kPodB, Datagram(kGatewayMac, kMacB, Ipv4(kVipB, kIpA)),
       Sends(kPodA, Arriving(kMacA, kGatewayMac, kVipB, kIpA))},
      {"itself, by the gateway", kPodA, FromA(Ipv4(kIpA, kIpA)),
       Sends(kPodA, Arriving(kMacA, kGatewayMac, kIpA, kIpA))},
      {"on a remote node", kPodA, FromA(Ipv4(kIpA, kRemoteIp)),
       Sends(kUplink, Arriving(kNodeBMac, kVirtualMac, kIpA, kRemoteIp))},
      {"from a remote node", kUplink, Datagram(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA)),
       Sends(kPodA, Arriving(kMacA, kGatewayMac, kRemoteIp, kIpA))},
  });
}

TEST_F(Forwarding, NodesKernelReachesPodsAndTheWorld) {
  Check({
      {"a pod from the node", kHost, Datagram(kGatewayMac, kHostMac, Ipv4(kHostIp, kIpA)),
       Sends(kPodA, Arriving(kMacA, kGatewayMac, kHostIp, kIpA))},
      {"the node from a pod", kPodA, FromA(Ipv4(kIpA, kHostIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kIpA, kHostIp))},
      {"the node's address on the wire from a pod", kPodA, FromA(Ipv4(kIpA, kUnderlayIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kIpA, kUnderlayIp))},
      {"a remote pod from the node", kHost,
       Datagram(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kRemoteIp)),
       Sends(kUplink, Arriving(kNodeBMac, kVirtualMac, kUnderlayIp, kRemoteIp))},
      {"another node from the node", kHost,
       Datagram(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kNodeBIp)),
       Sends(kUplink, Arriving(kNodeBMac, kVirtualMac, kUnderlayIp, kNodeBIp))},
      {"the node from another node: SSH, kubelet", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4(kNodeBIp, kUnderlayIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kNodeBIp, kUnderlayIp))},
      {"from a host that isn't a node", kUplink,
       Datagram(kVirtualMac, kHost77Mac, Ipv4(kHost77Ip, kUnderlayIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kHost77Ip, kUnderlayIp))},
      {"from anywhere, by the router", kUplink,
       Datagram(kVirtualMac, kRouterMac, Ipv4(kOutsideIp, kUnderlayIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kOutsideIp, kUnderlayIp))},
      {"the kernel may send from any address", kHost,
       Datagram(kGatewayMac, kHostMac, Ipv4(kOutsideIp, kIpA)),
       Sends(kPodA, Arriving(kMacA, kGatewayMac, kOutsideIp, kIpA))},
  });
}

TEST_F(Forwarding, UplinkWithAVlan) {
  const Ipv4 in(kTrunkRemoteIp, kIpA);
  const Packet arrived = Arriving(kMacA, kGatewayMac, kTrunkRemoteIp, kIpA);
  Check({
      {"the tag is put in", kPodA, FromA(Ipv4(kIpA, kTrunkRemoteIp)),
       Sends(kTrunk, Tagged(kNodeCMac, kVirtualMac, Ipv4(kIpA, kTrunkRemoteIp).Ttl(63)))},
      {"a tag in the frame is taken out", kTrunk, Tagged(kVirtualMac, kNodeCMac, in),
       Sends(kPodA, arrived)},
      {"a tag that the device took out", kTrunk, Stripped(Tagged(kVirtualMac, kNodeCMac, in)),
       Sends(kPodA, arrived)},
      {"from one wire to the other", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kTrunkRemoteIp)),
       Sends(kTrunk, Tagged(kNodeCMac, kVirtualMac, Ipv4(kRemoteIp, kTrunkRemoteIp).Ttl(63)))},
      {"and back, without its tag", kTrunk,
       Stripped(Tagged(kVirtualMac, kNodeCMac, Ipv4(kTrunkRemoteIp, kRemoteIp))),
       Sends(kUplink, Arriving(kNodeBMac, kVirtualMac, kTrunkRemoteIp, kRemoteIp))},
      {"VLAN 0 is untagged", kPodA,
       Ethernet(kGatewayMac, kMacA) / Vlan(0).Priority(3) / Ipv4(kIpA, kIpB) / Udp(1000, 2000) /
           Payload(50),
       Sends(kPodB, Arriving(kMacB, kGatewayMac, kIpA, kIpB))},
      {"another VLAN", kTrunk, Tagged(kVirtualMac, kNodeCMac, in, 101),
       Drops(DropReason::kVlanNotCarried)},
      {"another VLAN, stripped", kTrunk, Stripped(Tagged(kVirtualMac, kNodeCMac, in, 101)),
       Drops(DropReason::kVlanNotCarried)},
      {"no tag", kTrunk, Datagram(kVirtualMac, kNodeCMac, in), Drops(DropReason::kVlanNotCarried)},
  });
}

TEST_F(Forwarding, UplinkThatInsertsTagsItself) {
  const PortId port = node.AddPort(
      {.name = "smart", .role = PortRole::kUplink, .router_mac = kVirtualMac, .vlan_id = 7},
      {.vlan_insert = true});
  node.AddRoute("10.244.5.0/24"_prefix, {.destination = kNodeBMac,
                                         .source = kVirtualMac,
                                         .port = port,
                                         .mtu_bytes = 1500,
                                         .vlan_id = 7,
                                         .kind = NextHopKind::kNode});
  const Ipv4Address far = "10.244.5.5"_ip;
  Check({{"the tag stands in the metadata", kPodA, FromA(Ipv4(kIpA, far)),
          Sends(port, Tagged(kNodeBMac, kVirtualMac, Ipv4(kIpA, far).Ttl(63), 7))}});
}

TEST_F(Forwarding, NothingButTtlAndChecksumChanges) {
  const Ipv4 rich = Ipv4(kIpA, kIpB).Tos(0xb8).Id(0xfeff).DontFragment();
  const auto odd = [&](uint8_t ttl) {
    return Ethernet(kGatewayMac, kMacA) / Ipv4(rich).Ttl(ttl) / Tcp(1, 2) / Payload(333);
  };
  const auto odd_out = [&](uint8_t ttl) {
    return Ethernet(kMacB, kGatewayMac) / Ipv4(rich).Ttl(ttl) / Tcp(1, 2) / Payload(333);
  };
  const Ipv4 fragment = Ipv4(kIpA, kIpB).Id(5).FragmentOffset(800).MoreFragments().Protocol(17);
  const Packet plain = FromA(Ipv4(kIpA, kIpB), 0);
  const Packet plain_out = Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63), 0);
  Check({
      {"TTL 255", kPodA, odd(255), Sends(kPodB, odd_out(254))},
      {"TTL 2", kPodA, odd(2), Sends(kPodB, odd_out(1))},
      {"a fragment", kPodA, Ethernet(kGatewayMac, kMacA) / Ipv4(fragment).Ttl(9) / Payload(80),
       Sends(kPodB, Ethernet(kMacB, kGatewayMac) / Ipv4(fragment).Ttl(8) / Payload(80))},
      {"options", kPodA, FromA(Ipv4(kIpA, kIpB).Options({0x94, 4, 0, 0})),
       Sends(kPodB,
             Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63).Options({0x94, 4, 0, 0})))},
      {"padding stays, and is no part of the packet", kPodA, plain.PadTo(60, 0xee),
       Sends(kPodB, plain_out.PadTo(60, 0xee))},
      {"the headers in one segment, the rest in others", kPodA,
       Input(FromA(Ipv4(kIpA, kIpB)), {.segments = {34, 0, 7}}),
       Gathered().AndSends(kPodB, Arriving(kMacB, kGatewayMac, kIpA, kIpB))},
      {"a wrong UDP checksum is the receiver's affair", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kIpB) / Udp(1, 2).Checksum(0xdead) / Payload(9),
       Sends(kPodB, Ethernet(kMacB, kGatewayMac) / Ipv4(kIpA, kIpB).Ttl(63) /
                        Udp(1, 2).Checksum(0xdead) / Payload(9))},
  });
}

// RFC 1624: the checksum is mended by one word, so every value that it can have must come right.
TEST_F(Forwarding, ChecksumComesRightWhateverItWas) {
  for (unsigned id = 0; id < 0x10000; id += 251) {
    const auto with = [&](uint8_t ttl) {
      return Ipv4(kIpA, kIpB).Id(static_cast<uint16_t>(id)).Ttl(ttl);
    };
    Check({{"TTL 64", kPodA, FromA(with(64), 8),
            Sends(kPodB, Datagram(kMacB, kGatewayMac, with(63), 8))}});
  }
  // The sums around zero, where end-around carry matters.
  const Ipv4Header zero_id = [] {
    Ipv4Header header;
    const Packet packet = Ipv4(kIpA, kIpB) / Udp(1000, 2000) / Payload(8);
    std::memcpy(&header, packet.bytes().data(), sizeof(header));
    return header;
  }();
  for (int step = -300; step < 300; ++step) {
    const auto id = static_cast<uint16_t>(zero_id.checksum.host() + step);
    const auto with = [&](uint8_t ttl) { return Ipv4(kIpA, kIpB).Id(id).Ttl(ttl); };
    Check({{"near zero", kPodA, FromA(with(64), 8),
            Sends(kPodB, Datagram(kMacB, kGatewayMac, with(63), 8))}});
  }
}

TEST_F(Forwarding, SourceGuardHoldsPodsToTheirOwn) {
  Check({
      {"another MAC", kPodA, Datagram(kGatewayMac, kStrangerMac, Ipv4(kIpA, kIpB)),
       Drops(DropReason::kSpoofedMac)},
      {"another pod's MAC", kPodA, Datagram(kGatewayMac, kMacB, Ipv4(kIpA, kIpB)),
       Drops(DropReason::kSpoofedMac)},
      {"another pod's address", kPodA, FromA(Ipv4(kIpB, kRemoteIp)), Drops(DropReason::kSpoofedIp)},
      {"another pod's allowed prefix", kPodA, FromA(Ipv4(kVipB, kRemoteIp)),
       Drops(DropReason::kSpoofedIp)},
      {"just outside its allowed prefix", kPodB,
       Datagram(kGatewayMac, kMacB, Ipv4("10.244.1.199"_ip, kIpA)), Drops(DropReason::kSpoofedIp)},
      {"the gateway's address", kPodA, FromA(Ipv4(kGatewayIp, kIpB)),
       Drops(DropReason::kSpoofedIp)},
      {"the kernel has one MAC", kHost, Datagram(kGatewayMac, kStrangerMac, Ipv4(kHostIp, kIpA)),
       Drops(DropReason::kSpoofedMac)},
      {"nobody behind the port", kVacant, Datagram(kGatewayMac, kMacA, Ipv4(kIpA, kIpB)),
       Drops(DropReason::kNoPodBehindPort)},
      {"even to the gateway", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpB, kGatewayIp) / Icmp::Echo(1, 1),
       Drops(DropReason::kSpoofedIp)},
  });
}

TEST_F(Forwarding, OutsideTheClusterByRole) {
  Check({
      {"a pod: to the kernel, which masquerades", kPodA, FromA(Ipv4(kIpA, kOutsideIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kIpA, kOutsideIp))},
      {"the kernel: to the router", kHost,
       Datagram(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kOutsideIp)),
       Sends(kUplink, Arriving(kRouterMac, kVirtualMac, kUnderlayIp, kOutsideIp))},
      {"the wire: podwarp is no open relay", kUplink,
       Datagram(kVirtualMac, kRouterMac, Ipv4(kOutsideIp, "198.51.100.1"_ip)),
       Drops(DropReason::kExternalFromUplink)},
      {"a remote pod may not use this node as its way out", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kOutsideIp)),
       Drops(DropReason::kExternalFromUplink)},
  });
}

TEST_F(Forwarding, OutsideTheClusterWithoutAHostPort) {
  NodeSettings changed = node.settings;
  changed.external_from_pod = changed.external_from_host;
  node.Publish(changed);
  Check({
      {"a pod: to the router", kPodA, FromA(Ipv4(kIpA, kOutsideIp)),
       Sends(kUplink, Arriving(kRouterMac, kVirtualMac, kIpA, kOutsideIp))},
      {"with its last hop", kPodA, FromA(Ipv4(kIpA, kOutsideIp).Ttl(2)),
       Sends(kUplink, Datagram(kRouterMac, kVirtualMac, Ipv4(kIpA, kOutsideIp).Ttl(1)))},
  });
  changed.external_from_pod = node.tables.routes.Lookup(kNodeDIp);
  node.Publish(changed);
  Check({{"a router that hasn't answered yet", kPodA, FromA(Ipv4(kIpA, kOutsideIp)),
          Drops(DropReason::kNeighborUnresolved)}});
}

TEST_F(Forwarding, HostsOnTheSegmentThatAreNoNodes) {
  Check({
      {"a pod: by the kernel, like anything outside", kPodA, FromA(Ipv4(kIpA, kHost77Ip)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kIpA, kHost77Ip))},
      {"also one that nobody has asked for", kPodA, FromA(Ipv4(kIpA, kOnLinkIp)),
       Sends(kHost, Arriving(kHostMac, kGatewayMac, kIpA, kOnLinkIp))},
      {"the kernel: straight", kHost, Datagram(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kHost77Ip)),
       Sends(kUplink, Arriving(kHost77Mac, kVirtualMac, kUnderlayIp, kHost77Ip))},
      {"the kernel: once it is asked for", kHost,
       Datagram(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kOnLinkIp)),
       Drops(DropReason::kNeighborUnresolved)
           .AndTells(EventKind::kNeighborWanted, kHost, kOnLinkIp, MacAddress())},
      {"while it is being asked for", kHost,
       Datagram(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kNodeDIp)),
       Drops(DropReason::kNeighborUnresolved)},
      {"a pod's packet for a node that hasn't answered", kPodA, FromA(Ipv4(kIpA, kUnresolvedIp)),
       Drops(DropReason::kNeighborUnresolved)},
      {"the wire: no relay to neighbours", kTrunk,
       Tagged(kVirtualMac, kNodeCMac, Ipv4(kTrunkRemoteIp, kHost77Ip)),
       Drops(DropReason::kExternalFromUplink)},
  });
}

TEST_F(Forwarding, WhatCameFromTheWireDoesNotGoBack) {
  Check({
      {"late traffic for a pod that moved to node b", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4(kNodeBIp, kRemoteIp)),
       Drops(DropReason::kUplinkHairpin)},
      {"on the trunk too", kTrunk, Tagged(kVirtualMac, kNodeCMac, Ipv4(kNodeCIp, kTrunkRemoteIp)),
       Drops(DropReason::kUplinkHairpin)},
  });
}

TEST_F(Forwarding, WithHairpinModeNoneNoFrameGoesBackToItsPod) {
  NodeSettings none = node.settings;
  none.allow_hairpin = false;
  node.Publish(none);
  Check({
      {"to itself", kPodA, FromA(Ipv4(kIpA, kIpA)), Drops(DropReason::kHairpinOff)},
      {"to its other address", kPodB, Datagram(kGatewayMac, kMacB, Ipv4(kIpB, kSecondIpB)),
       Drops(DropReason::kHairpinOff)},
      {"to another pod as ever", kPodA, FromA(Ipv4(kIpA, kIpB)),
       Sends(kPodB, Arriving(kMacB, kGatewayMac, kIpA, kIpB))},
      {"the gateway still answers pings", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kGatewayIp) / Icmp::Echo(1, 1),
       Sends(kPodA, Ethernet(kMacA, kGatewayMac) / Ipv4(kGatewayIp, kIpA) / Icmp::EchoReply(1, 1))},
  });
}

TEST_F(Forwarding, ManyAtOnceKeepTheirOrder) {
  std::vector<Input> frames;
  for (uint16_t i = 0; i < 300; ++i) {
    frames.push_back(FromA(Ipv4(kIpA, i % 3 == 0 ? kRemoteIp : kIpB).Id(i)));
  }
  const Result result = node.Run(kPodA, frames);
  ASSERT_EQ(result.sent.size(), frames.size());
  uint16_t next_local = 1, next_remote = 0;
  for (const auto& [port, frame] : result.sent) {
    if (port == kPodB) {
      EXPECT_EQ(frame.packet,
                Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63).Id(next_local)));
      next_local = static_cast<uint16_t>(next_local + (next_local % 3 == 2 ? 2 : 1));
    } else {
      EXPECT_EQ(port, kUplink);
      EXPECT_EQ(frame.packet,
                Datagram(kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Ttl(63).Id(next_remote)));
      next_remote = static_cast<uint16_t>(next_remote + 3);
    }
  }
  EXPECT_EQ(next_remote, 300);
}

}  // namespace
}  // namespace podwarp::test
