// What podwarp answers to ARP, rule by rule: the numbers are those of the README's chapter on ARP.
// Sources: RFC 826, RFC 1027 (proxy ARP), RFC 5227 (conflict detection), RFC 9161 (EVPN proxy ARP).
//
// What the control thread makes of an event (announcements, keep-alives, generations: rules 8, 12,
// 14) is tested with it; here it counts as far as a frame shows it.
#include "pipeline/test_node.h"
#include "support/fake_clock.h"

namespace podwarp::test {
namespace {

const MacAddress kEveryone = MacAddress::Broadcast();
const MacAddress kGroupMac = "01:00:5e:00:00:01"_mac;
const Ipv4Address kNobody = "0.0.0.0"_ip;

// "Who has `target`?" from one port's owner, as it usually comes: broadcast, 42 bytes.
Packet Ask(MacAddress mac, Ipv4Address ip, Ipv4Address target) {
  return Ethernet(kEveryone, mac) / Arp::Request(mac, ip, target);
}
Packet AAsks(Ipv4Address target) { return Ask(kMacA, kIpA, target); }
Packet AProbes(Ipv4Address target) {
  return Ethernet(kEveryone, kMacA) / Arp::Probe(kMacA, target);
}

// "`target` is at `our_mac`", byte for byte: to the asker alone, zeros up to 60 bytes.
Packet Reply(MacAddress our_mac, Ipv4Address target, MacAddress asker, Ipv4Address asker_ip) {
  return (Ethernet(asker, our_mac) / Arp::Reply(our_mac, target, asker, asker_ip)).PadTo(60);
}
// What pod_a hears.
Outcome AHears(Ipv4Address target) { return Sends(kPodA, Reply(kGatewayMac, target, kMacA, kIpA)); }
Outcome AHearsOfProbe(Ipv4Address target) {
  return Sends(kPodA, Reply(kGatewayMac, target, kMacA, kNobody));
}

// The same on the trunk, where everything is tagged.
Packet Tagged(const Packet& arp, MacAddress to, MacAddress from, uint16_t vlan = kTrunkVlan) {
  return Ethernet(to, from) / Vlan(vlan) / arp;
}
Packet TaggedReply(Ipv4Address target, MacAddress asker, Ipv4Address asker_ip) {
  return Tagged(Arp::Reply(kVirtualMac, target, asker, asker_ip), asker, kVirtualMac).PadTo(64);
}

class ArpConformance : public NodeTest {};

// --- Sanity first ---

TEST_F(ArpConformance, SanityLengthAndTypes) {
  const Ethernet to_all(kEveryone, kMacA);
  const auto request = [] { return Arp::Request(kMacA, kIpA, kIpB); };
  const Outcome malformed = Drops(DropReason::kArpMalformed);
  Check({
      {"no byte of ARP", kPodA, AAsks(kIpB).Truncate(14), malformed},
      {"a byte too short", kPodA, AAsks(kIpB).Truncate(41), malformed},
      {"not in one piece", kPodA, Input(AAsks(kIpB), {.segments = {20}}), malformed},
      {"not in one piece, though the headers are", kPodA,
       Input(AAsks(kIpB).PadTo(60), {.segments = {42}}), malformed},
      {"not for Ethernet", kPodA, to_all / request().HardwareType(6), malformed},
      {"not for IPv4", kPodA, to_all / request().ProtocolType(0x86dd), malformed},
      {"MAC length 8", kPodA, to_all / request().HardwareLength(8), malformed},
      {"IP length 16", kPodA, to_all / request().ProtocolLength(16), malformed},
      {"operation 0", kPodA, to_all / request().Operation(0), malformed},
      {"InARP, operation 8", kPodA, to_all / request().Operation(8), malformed},
      {"a RARP operation in an ARP frame", kPodA, to_all / request().Operation(3), malformed},
      {"on an uplink too", kUplink,
       Ethernet(kEveryone, kNodeBMac) / Arp::Request(kNodeBMac, kNodeBIp, kUnderlayIp).Operation(9),
       malformed},
      {"tagged and a byte too short", kTrunk,
       Tagged(Arp::Request(kNodeCMac, kNodeCIp, kIpA), kEveryone, kNodeCMac).Truncate(45),
       malformed},
      {"tagged and just long enough", kTrunk,
       Tagged(Arp::Request(kNodeCMac, kNodeCIp, kIpA), kEveryone, kNodeCMac),
       Sends(kTrunk, TaggedReply(kIpA, kNodeCMac, kNodeCIp))},
  });
}

TEST_F(ArpConformance, SanitySenderAndTarget) {
  const Ethernet to_all(kEveryone, kMacA);
  const auto from = [&](MacAddress mac, Ipv4Address ip) {
    return to_all / Arp::Request(mac, ip, kIpB);
  };
  const Outcome bad_mac = Drops(DropReason::kArpSenderMacInvalid);
  const Outcome bad_sender = Drops(DropReason::kArpSenderIpInvalid);
  const Outcome bad_target = Drops(DropReason::kArpTargetIpInvalid);
  Check({
      {"sender MAC zero", kPodA, from(MacAddress(), kIpA), bad_mac},
      {"sender MAC multicast", kPodA, from(kGroupMac, kIpA), bad_mac},
      {"sender MAC broadcast", kPodA, from(kEveryone, kIpA), bad_mac},
      {"frame from a group, sender MAC sound", kPodA,
       Ethernet(kEveryone, kGroupMac) / Arp::Request(kMacA, kIpA, kIpB),
       Drops(DropReason::kEthernetSourceInvalid)},
      {"sender IP multicast", kPodA, from(kMacA, "224.0.0.1"_ip), bad_sender},
      {"sender IP broadcast", kPodA, from(kMacA, "255.255.255.255"_ip), bad_sender},
      {"sender IP loopback", kPodA, from(kMacA, "127.0.0.1"_ip), bad_sender},
      {"sender IP multicast, on an uplink", kUplink, Ask(kNodeBMac, "239.1.2.3"_ip, kUnderlayIp),
       bad_sender},
      {"target zero", kPodA, AAsks(kNobody), bad_target},
      {"target zero, probed", kPodA, AProbes(kNobody), bad_target},
      {"target multicast", kPodA, AAsks("224.0.0.251"_ip), bad_target},
      {"target broadcast", kPodA, AAsks("255.255.255.255"_ip), bad_target},
  });
}

TEST_F(ArpConformance, SanityFrameAndSenderMacAgree) {
  const MacAddress vrrp = "00:00:5e:00:01:07"_mac;
  const Packet from_vrrp =
      Ethernet(kVirtualMac, kStrangerMac) / Arp::Reply(vrrp, kRouterIp, kVirtualMac, kUnderlayIp);
  Check({
      {"two MACs in one frame", kPodA,
       Ethernet(kEveryone, kStrangerMac) / Arp::Request(kMacA, kIpA, kIpB),
       Drops(DropReason::kArpSourceMismatch)},
      {"two MACs, on an uplink", kUplink,
       Ethernet(kEveryone, kStrangerMac) / Arp::Request(kNodeBMac, kNodeBIp, kUnderlayIp),
       Drops(DropReason::kArpSourceMismatch)},
      {"a virtual router replies from its own MAC", kUplink, from_vrrp,
       Consumes().AndTells(EventKind::kNeighborAnswered, kUplink, kRouterIp, vrrp)},
      {"a pod is no virtual router", kPodA,
       Ethernet(kGatewayMac, kMacA) / Arp::Reply(vrrp, kIpA, kGatewayMac, kGatewayIp),
       Drops(DropReason::kArpSourceMismatch)},
      {"only replies may differ", kUplink,
       Ethernet(kEveryone, kStrangerMac) / Arp::Request(vrrp, kRouterIp, kUnderlayIp),
       Drops(DropReason::kArpSourceMismatch)},
      {"VRRP for IPv6 is another prefix", kUplink,
       Ethernet(kVirtualMac, kStrangerMac) /
           Arp::Reply("00:00:5e:00:02:07"_mac, kRouterIp, kVirtualMac, kUnderlayIp),
       Drops(DropReason::kArpSourceMismatch)},
  });
}

// --- Rule 1: requests for what somebody else has ---

TEST_F(ArpConformance, Rule01RequestForAnothersAddressIsAnsweredWithTheGatewayMac) {
  Check({
      {"a pod on this node", kPodA, AAsks(kIpB), AHears(kIpB)},
      {"its other address", kPodA, AAsks(kSecondIpB), AHears(kSecondIpB)},
      {"a pod on a remote node", kPodA, AAsks(kRemoteIp), AHears(kRemoteIp)},
      {"a pod on a node behind the other uplink", kPodA, AAsks(kTrunkRemoteIp),
       AHears(kTrunkRemoteIp)},
      {"a pod on a node that hasn't answered yet", kPodA, AAsks(kUnresolvedIp),
       AHears(kUnresolvedIp)},
      {"the gateway", kPodA, AAsks(kGatewayIp), AHears(kGatewayIp)},
      {"the node itself", kPodA, AAsks(kHostIp), AHears(kHostIp)},
      {"the node's address on the wire", kPodA, AAsks(kUnderlayIp), AHears(kUnderlayIp)},
      {"another node's address on the wire", kPodA, AAsks(kNodeBIp), AHears(kNodeBIp)},
      {"asked by another pod, from its other address", kPodB, Ask(kMacB, kSecondIpB, kIpA),
       Sends(kPodB, Reply(kGatewayMac, kIpA, kMacB, kSecondIpB))},
      {"asked from an allowed prefix", kPodB, Ask(kMacB, kVipB, kIpA),
       Sends(kPodB, Reply(kGatewayMac, kIpA, kMacB, kVipB))},
      {"asked by the node's kernel", kHost, Ask(kHostMac, kHostIp, kIpA),
       Sends(kHost, Reply(kGatewayMac, kIpA, kHostMac, kHostIp))},
      {"asked by the node's kernel from an address that isn't its own", kHost,
       Ask(kHostMac, "10.1.2.3"_ip, kIpA),
       Sends(kHost, Reply(kGatewayMac, kIpA, kHostMac, "10.1.2.3"_ip))},
      {"a host on the segment, asked for by the kernel", kHost,
       Ask(kHostMac, kUnderlayIp, kHost77Ip),
       Sends(kHost, Reply(kGatewayMac, kHost77Ip, kHostMac, kUnderlayIp))},
      {"one that nobody has asked for yet", kHost, Ask(kHostMac, kUnderlayIp, kOnLinkIp),
       Sends(kHost, Reply(kGatewayMac, kOnLinkIp, kHostMac, kUnderlayIp))},
  });
}

TEST_F(ArpConformance, Rule01AnswerHasSixtyBytesWithZerosWhateverTheRequestHad) {
  const Packet request = AAsks(kIpB);
  Check({
      {"42 bytes", kPodA, request, AHears(kIpB)},
      {"60 bytes", kPodA, request.PadTo(60), AHears(kIpB)},
      {"60 bytes with rubbish", kPodA, request.PadTo(60, 0xee), AHears(kIpB)},
      {"43 bytes with rubbish", kPodA, request.PadTo(43, 0xee), AHears(kIpB)},
      {"61 bytes with rubbish", kPodA, request.PadTo(61, 0xee), AHears(kIpB)},
      {"1514 bytes with rubbish", kPodA, request.PadTo(1514, 0xee), AHears(kIpB)},
      {"a target MAC filled in", kPodA,
       Ethernet(kEveryone, kMacA) / Arp::Request(kMacA, kIpA, kIpB).TargetMac(kStrangerMac),
       AHears(kIpB)},
      {"a checksum verdict of the device", kPodA, Input(request, {}, RTE_MBUF_F_RX_IP_CKSUM_BAD),
       AHears(kIpB)},
      {"an offload that means nothing", kPodA,
       Input(request, {.offload = Offload{.segment_bytes = 9, .checksum_wanted = true}}),
       AHears(kIpB)},
  });
}

TEST_F(ArpConformance, Rule01NobodyBehindThePortNobodyToAnswer) {
  Check({
      {"a port without a pod", kVacant, Ask(kStrangerMac, kUnownedIp, kIpB),
       Drops(DropReason::kNoPodBehindPort)},
      {"and its probes", kVacant,
       Ethernet(kEveryone, kStrangerMac) / Arp::Probe(kStrangerMac, kIpB),
       Drops(DropReason::kNoPodBehindPort)},
  });
}

// --- Rule 2: probes (RFC 5227, 2.1.1) ---

TEST_F(ArpConformance, Rule02ProbeForOwnAddressIsLeftUnanswered) {
  for (const bool promiscuous : {false, true}) {
    node.SetPromiscuousArp(promiscuous);
    Check({
        {"the pod's address", kPodA, AProbes(kIpA), Drops(DropReason::kArpOwnProbe)},
        {"its other address", kPodB, Ethernet(kEveryone, kMacB) / Arp::Probe(kMacB, kSecondIpB),
         Drops(DropReason::kArpOwnProbe)},
        {"the kernel's", kHost, Ethernet(kEveryone, kHostMac) / Arp::Probe(kHostMac, kUnderlayIp),
         Drops(DropReason::kArpOwnProbe)},
    });
  }
}

TEST_F(ArpConformance, Rule02ProbeForOwnAddressIsLeftUnansweredWhileTheTableSaysElsewhere) {
  // After a move, before the control side has heard of it.
  node.RemoveRoute(Ipv4Prefix::Host(kIpA));
  node.AddRoute(Ipv4Prefix::Host(kIpA), {.port = kUplink, .kind = NextHopKind::kNode});
  Check({{"the pod's address", kPodA, AProbes(kIpA), Drops(DropReason::kArpOwnProbe)}});
}

TEST_F(ArpConformance, Rule02ProbeForOwnRoutedPrefixIsLeftUnanswered) {
  node.AddRoute("10.244.1.200/29"_prefix, node.tables.adjacencies[node.tables.routes.Lookup(kIpB)]);
  Check({
      {"routed to the port", kPodB, Ethernet(kEveryone, kMacB) / Arp::Probe(kMacB, kVipB),
       Drops(DropReason::kArpOwnProbe)},
      {"others are told that it is taken", kPodA, AProbes(kVipB), AHearsOfProbe(kVipB)},
  });
}

TEST_F(ArpConformance, Rule02ProbeForAnothersAddressIsAnswered) {
  for (const bool promiscuous : {false, true}) {
    node.SetPromiscuousArp(promiscuous);
    Check({
        {"another pod's", kPodA, AProbes(kIpB), AHearsOfProbe(kIpB)},
        {"a remote pod's", kPodA, AProbes(kRemoteIp), AHearsOfProbe(kRemoteIp)},
        {"on a node that hasn't answered yet", kPodA, AProbes(kUnresolvedIp),
         AHearsOfProbe(kUnresolvedIp)},
        {"the gateway's", kPodA, AProbes(kGatewayIp), AHearsOfProbe(kGatewayIp)},
        {"a reserved one", kPodA, AProbes(kReservedIp), AHearsOfProbe(kReservedIp)},
        {"the node's own", kPodA, AProbes(kHostIp), AHearsOfProbe(kHostIp)},
        {"by the kernel for a pod's", kHost,
         Ethernet(kEveryone, kHostMac) / Arp::Probe(kHostMac, kIpA),
         Sends(kHost, Reply(kGatewayMac, kIpA, kHostMac, kNobody))},
    });
  }
}

TEST_F(ArpConformance, Rule02ProbeForAFreeAddressIsLeftUnanswered) {
  for (const bool promiscuous : {false, true}) {
    node.SetPromiscuousArp(promiscuous);
    Check({
        {"nobody's in the pod range", kPodA, AProbes(kUnownedIp), Drops(DropReason::kArpFreeProbe)},
        {"nobody's in the service range", kPodA, AProbes(kServiceIp),
         Drops(DropReason::kArpFreeProbe)},
        {"outside the cluster", kPodA, AProbes(kOutsideIp), Drops(DropReason::kArpFreeProbe)},
        {"a VIP that nobody holds yet", kPodB,
         Ethernet(kEveryone, kMacB) / Arp::Probe(kMacB, kVipB), Drops(DropReason::kArpFreeProbe)},
    });
  }
}

// --- Rule 3: gratuitous ARP ---

TEST_F(ArpConformance, Rule03OwnersAnnouncementIsASignOfLife) {
  const auto alive = [](PortId port, Ipv4Address address, MacAddress mac) {
    return Consumes().AndTells(EventKind::kAddressAlive, port, address, mac);
  };
  Check({
      {"as a request", kPodA, Ethernet(kEveryone, kMacA) / Arp::Announcement(kMacA, kIpA),
       alive(kPodA, kIpA, kMacA)},
      {"as a reply", kPodA, Ethernet(kEveryone, kMacA) / Arp::Reply(kMacA, kIpA, kEveryone, kIpA),
       alive(kPodA, kIpA, kMacA)},
      {"as a reply to the gateway alone", kPodA,
       Ethernet(kGatewayMac, kMacA) / Arp::Reply(kMacA, kIpA, kGatewayMac, kIpA),
       alive(kPodA, kIpA, kMacA)},
      {"of another own address", kPodB,
       Ethernet(kEveryone, kMacB) / Arp::Announcement(kMacB, kSecondIpB),
       alive(kPodB, kSecondIpB, kMacB)},
      {"of a VIP that nobody else holds", kPodB,
       Ethernet(kEveryone, kMacB) / Arp::Announcement(kMacB, kVipB), alive(kPodB, kVipB, kMacB)},
      {"of the kernel", kHost,
       Ethernet(kEveryone, kHostMac) / Arp::Announcement(kHostMac, kUnderlayIp),
       alive(kHost, kUnderlayIp, kHostMac)},
  });
}

TEST_F(ArpConformance, Rule03AnothersAddressIsAConflict) {
  const auto claim = [](PortId port, MacAddress mac, Ipv4Address address) {
    return Row{
        address.ToString(), port, Ethernet(kEveryone, mac) / Arp::Announcement(mac, address),
        Drops(DropReason::kArpConflict).AndTells(EventKind::kAddressConflict, port, address, mac)};
  };
  Check({
      claim(kPodA, kMacA, kIpB),
      claim(kPodA, kMacA, kRemoteIp),
      claim(kPodA, kMacA, kUnresolvedIp),
      claim(kPodA, kMacA, kGatewayIp),
      claim(kPodA, kMacA, kReservedIp),
      claim(kPodA, kMacA, kHostIp),
      claim(kPodA, kMacA, kNodeBIp),
      claim(kHost, kHostMac, kIpA),
      claim(kHost, kHostMac, kRemoteIp),
      claim(kUplink, kStrangerMac, kIpA),
      claim(kUplink, kStrangerMac, kUnderlayIp),
      claim(kUplink, kStrangerMac, kGatewayIp),
      {"as a reply", kPodA, Ethernet(kEveryone, kMacA) / Arp::Reply(kMacA, kIpB, kEveryone, kIpB),
       Drops(DropReason::kArpConflict).AndTells(EventKind::kAddressConflict, kPodA, kIpB, kMacA)},
      {"nobody's address is no conflict, but spoofed", kPodA,
       Ethernet(kEveryone, kMacA) / Arp::Announcement(kMacA, kUnownedIp),
       Drops(DropReason::kArpSpoofedIp)},
      {"nor is one outside", kPodA,
       Ethernet(kEveryone, kMacA) / Arp::Announcement(kMacA, kOutsideIp),
       Drops(DropReason::kArpSpoofedIp)},
      {"nor for the kernel", kHost,
       Ethernet(kEveryone, kHostMac) / Arp::Announcement(kHostMac, kUnownedIp),
       Drops(DropReason::kArpSpoofedIp)},
  });
}

TEST_F(ArpConformance, Rule03AnAllowedPrefixDoesNotMakeAnothersAddressOnesOwn) {
  node.tables.pods.Set(kPodB, {.name = "pod_b",
                               .mac = kMacB,
                               .addresses = {kIpB},
                               .allowed_prefixes = {"10.244.1.0/24"_prefix}});
  Check({{"pod_a's address lies in pod_b's prefix", kPodB,
          Ethernet(kEveryone, kMacB) / Arp::Announcement(kMacB, kIpA),
          Drops(DropReason::kArpConflict)
              .AndTells(EventKind::kAddressConflict, kPodB, kIpA, kMacB)}});
}

// --- Rule 4 ---

TEST_F(ArpConformance, Rule04RequestForOwnAddressIsLeftUnanswered) {
  for (const bool promiscuous : {false, true}) {
    node.SetPromiscuousArp(promiscuous);
    Check({
        {"from one own address for the other", kPodB, Ask(kMacB, kIpB, kSecondIpB),
         Drops(DropReason::kArpOwnAddress)},
        {"from an allowed prefix", kPodB, Ask(kMacB, kVipB, kIpB),
         Drops(DropReason::kArpOwnAddress)},
        {"the kernel for its own", kHost, Ask(kHostMac, kHostIp, kUnderlayIp),
         Drops(DropReason::kArpOwnAddress)},
    });
  }
}

// --- Rule 5: unknown addresses, hairpin mode ---

TEST_F(ArpConformance, Rule05UnknownAddressIsLeftUnansweredAndNeverFlooded) {
  const Outcome unknown = Drops(DropReason::kArpUnknownTarget);
  Check({
      {"nobody's in the pod range", kPodA, AAsks(kUnownedIp), unknown},
      {"nobody's in the service range", kPodA, AAsks(kServiceIp), unknown},
      {"reserved", kPodA, AAsks(kReservedIp), unknown},
      {"outside the cluster", kPodA, AAsks(kOutsideIp), unknown},
      {"a host on an uplink's segment", kPodA, AAsks(kOnLinkIp), unknown},
      {"even one that answered", kPodA, AAsks(kHost77Ip), unknown},
      {"asked by the kernel", kHost, Ask(kHostMac, kHostIp, kUnownedIp), unknown},
  });
}

TEST_F(ArpConformance, Rule05PromiscuousHairpinAnswersForTheWholeCluster) {
  node.SetPromiscuousArp(true);
  const Outcome unknown = Drops(DropReason::kArpUnknownTarget);
  Check({
      {"nobody's in the pod range", kPodA, AAsks(kUnownedIp), AHears(kUnownedIp)},
      {"nobody's in the service range", kPodA, AAsks(kServiceIp), AHears(kServiceIp)},
      {"reserved", kPodA, AAsks(kReservedIp), AHears(kReservedIp)},
      {"a known one all the same", kPodA, AAsks(kIpB), AHears(kIpB)},
      {"asked by the kernel", kHost, Ask(kHostMac, kHostIp, kUnownedIp),
       Sends(kHost, Reply(kGatewayMac, kUnownedIp, kHostMac, kHostIp))},
      {"outside the cluster", kPodA, AAsks(kOutsideIp), unknown},
      {"a host on an uplink's segment", kPodA, AAsks(kOnLinkIp), unknown},
      {"not on the wire", kTrunk,
       Tagged(Arp::Request(kNodeCMac, kNodeCIp, kUnownedIp), kEveryone, kNodeCMac),
       Drops(DropReason::kArpNotAnnounced)},
  });
}

TEST_F(ArpConformance, Rule05PacketToAnAddressNobodyOwnsIsAnsweredByHostUnreachable) {
  const Packet packet = Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kUnownedIp) / Udp(1, 2);
  Check({{"as the ARP answer invited it", kPodA, packet,
          Drops(DropReason::kUnownedAddress)
              .AndSends(kPodA, Ethernet(kMacA, kGatewayMac) / Ipv4(kGatewayIp, kIpA).Tos(0xc0) /
                                   Icmp::Unreachable(kIcmpHostUnreachable) / packet.Skip(14))}});
}

// --- Rule 6: spoofed senders ---

TEST_F(ArpConformance, Rule06SpoofedSenderIsDropped) {
  Check({
      {"another MAC", kPodA, Ask(kStrangerMac, kIpA, kIpB), Drops(DropReason::kArpSpoofedMac)},
      {"another pod's MAC", kPodA, Ask(kMacB, kIpA, kIpB), Drops(DropReason::kArpSpoofedMac)},
      {"the gateway's MAC", kPodA, Ask(kGatewayMac, kIpA, kIpB), Drops(DropReason::kArpSpoofedMac)},
      {"a probe from another MAC", kPodA,
       Ethernet(kEveryone, kStrangerMac) / Arp::Probe(kStrangerMac, kIpB),
       Drops(DropReason::kArpSpoofedMac)},
      {"an announcement from another MAC", kPodA,
       Ethernet(kEveryone, kStrangerMac) / Arp::Announcement(kStrangerMac, kIpA),
       Drops(DropReason::kArpSpoofedMac)},
      {"another pod's address", kPodA, Ask(kMacA, kIpB, kRemoteIp),
       Drops(DropReason::kArpSpoofedIp)},
      {"nobody's address", kPodA, Ask(kMacA, kUnownedIp, kIpB), Drops(DropReason::kArpSpoofedIp)},
      {"the gateway's address", kPodA, Ask(kMacA, kGatewayIp, kIpB),
       Drops(DropReason::kArpSpoofedIp)},
      {"another pod's allowed prefix", kPodA, Ask(kMacA, kVipB, kIpB),
       Drops(DropReason::kArpSpoofedIp)},
      {"just outside the allowed prefix", kPodB, Ask(kMacB, "10.244.1.208"_ip, kIpA),
       Drops(DropReason::kArpSpoofedIp)},
      {"the kernel has one MAC too", kHost, Ask(kStrangerMac, kHostIp, kIpA),
       Drops(DropReason::kArpSpoofedMac)},
  });
}

// --- Rule 7: unsolicited replies ---

TEST_F(ArpConformance, Rule07PodsReplyTeachesNothing) {
  const auto reply = [](MacAddress mac, Ipv4Address ip) {
    return Ethernet(kGatewayMac, mac) / Arp::Reply(mac, ip, kGatewayMac, kGatewayIp);
  };
  Check({
      {"its own address", kPodA, reply(kMacA, kIpA), Drops(DropReason::kArpUnsolicitedReply)},
      {"another's address", kPodA, reply(kMacA, kIpB), Drops(DropReason::kArpSpoofedIp)},
      {"another MAC", kPodA, reply(kStrangerMac, kIpA), Drops(DropReason::kArpSpoofedMac)},
      {"a remote pod's address", kPodA, reply(kMacA, kRemoteIp), Drops(DropReason::kArpSpoofedIp)},
      {"and is still answered afterwards by the table", kPodA, AAsks(kRemoteIp), AHears(kRemoteIp)},
  });
}

TEST_F(ArpConformance, Rule07UplinksReplyUpdatesOnlyWhomTheNodeKnows) {
  const auto reply = [](MacAddress mac, Ipv4Address ip) {
    return Ethernet(kVirtualMac, mac) / Arp::Reply(mac, ip, kVirtualMac, kUnderlayIp);
  };
  const auto told = [](Ipv4Address ip, MacAddress mac) {
    return Consumes().AndTells(EventKind::kNeighborAnswered, kUplink, ip, mac);
  };
  const Outcome unsolicited = Drops(DropReason::kArpUnsolicitedReply);
  Check({
      {"a node that was asked for", kUplink, reply(kNodeDMac, kNodeDIp), told(kNodeDIp, kNodeDMac)},
      {"a node with a new MAC", kUplink, reply(kStrangerMac, kNodeBIp),
       told(kNodeBIp, kStrangerMac)},
      {"the router", kUplink, reply(kRouterMac, kRouterIp), told(kRouterIp, kRouterMac)},
      {"a host that was asked for", kUplink, reply(kHost77Mac, kHost77Ip),
       told(kHost77Ip, kHost77Mac)},
      {"a host that nobody asked for", kUplink, reply(kStrangerMac, kOnLinkIp), unsolicited},
      {"an address outside", kUplink, reply(kStrangerMac, kOutsideIp), unsolicited},
      {"nobody's pod", kUplink, reply(kStrangerMac, kUnownedIp), unsolicited},
      {"no address at all", kUplink, reply(kStrangerMac, kNobody), unsolicited},
      {"a node of the other uplink", kUplink, reply(kStrangerMac, kNodeCIp), unsolicited},
      {"a pod of this node: a conflict", kUplink, reply(kStrangerMac, kIpA),
       Drops(DropReason::kArpConflict)
           .AndTells(EventKind::kAddressConflict, kUplink, kIpA, kStrangerMac)},
  });
}

// --- Rule 8: RARP after a live migration ---

TEST_F(ArpConformance, Rule08RarpSaysThatThePodLivesHere) {
  const auto rarp = [](MacAddress mac) { return Ethernet(kEveryone, mac) / Arp::Rarp(mac); };
  const Outcome spoofed = Drops(DropReason::kRarpSpoofed);
  Check({
      {"the pod's MAC", kPodA, rarp(kMacA),
       Consumes().AndTells(EventKind::kPodArrived, kPodA, kIpA, kMacA)},
      {"padded", kPodB, rarp(kMacB).PadTo(64),
       Consumes().AndTells(EventKind::kPodArrived, kPodB, kIpB, kMacB)},
      {"another pod's MAC", kPodA, rarp(kMacB), spoofed},
      {"another MAC inside", kPodA, Ethernet(kEveryone, kMacA) / Arp::Rarp(kMacB), spoofed},
      {"a RARP reply", kPodA, Ethernet(kEveryone, kMacA) / Arp::Rarp(kMacA).Operation(kRarpReply),
       spoofed},
      {"not for Ethernet", kPodA, Ethernet(kEveryone, kMacA) / Arp::Rarp(kMacA).HardwareType(6),
       Drops(DropReason::kArpMalformed)},
      {"behind the port is nobody", kVacant, rarp(kMacA), spoofed},
      {"from the wire", kUplink, rarp(kMacA), spoofed},
      {"from the kernel", kHost, rarp(kHostMac), spoofed},
      {"cut short", kPodA, rarp(kMacA).Truncate(40), Drops(DropReason::kArpMalformed)},
  });
}

// --- Rule 9: VLAN ---

TEST_F(ArpConformance, Rule09AnswerCarriesTheTagOfTheRequest) {
  const Packet request = Tagged(Arp::Request(kNodeCMac, kNodeCIp, kIpA), kEveryone, kNodeCMac);
  const Packet urgent = Ethernet(kEveryone, kNodeCMac) / Vlan(kTrunkVlan).Priority(6) /
                        Arp::Request(kNodeCMac, kNodeCIp, kIpA);
  const Packet urgent_reply = (Ethernet(kNodeCMac, kVirtualMac) / Vlan(kTrunkVlan).Priority(6) /
                               Arp::Reply(kVirtualMac, kIpA, kNodeCMac, kNodeCIp))
                                  .PadTo(64);
  const Outcome reply = Sends(kTrunk, TaggedReply(kIpA, kNodeCMac, kNodeCIp));
  Check({
      {"tag in the frame", kTrunk, request, reply},
      {"tag stripped by the device", kTrunk, Stripped(request), reply},
      {"tag in the frame, rubbish behind", kTrunk, request.PadTo(99, 0xee), reply},
      {"tag stripped, rubbish behind", kTrunk, Stripped(request.PadTo(99, 0xee)), reply},
      {"with a priority", kTrunk, urgent, Sends(kTrunk, urgent_reply)},
      {"with a priority, stripped", kTrunk, Stripped(urgent), Sends(kTrunk, urgent_reply)},
  });
}

TEST_F(ArpConformance, Rule09VlanZeroIsUntagged) {
  const Packet request =
      Ethernet(kEveryone, kMacA) / Vlan(0).Priority(5) / Arp::Request(kMacA, kIpA, kIpB);
  Check({
      {"tag in the frame", kPodA, request, AHears(kIpB)},
      {"tag stripped by the device", kPodA, Stripped(request), AHears(kIpB)},
      {"not on a port with a VLAN", kTrunk,
       Tagged(Arp::Request(kNodeCMac, kNodeCIp, kIpA), kEveryone, kNodeCMac, 0),
       Drops(DropReason::kVlanNotCarried)},
  });
}

TEST_F(ArpConformance, Rule09VlanThatThePortDoesNotCarryIsDropped) {
  const Packet arp = Arp::Request(kNodeCMac, kNodeCIp, kIpA);
  const Packet pods = Ethernet(kEveryone, kMacA) / Vlan(7) / Arp::Request(kMacA, kIpA, kIpB);
  const Packet stacked = Ethernet(kEveryone, kNodeCMac) / Vlan(kTrunkVlan) / Vlan(7) / arp;
  const Outcome not_carried = Drops(DropReason::kVlanNotCarried);
  Check({
      {"another VLAN", kTrunk, Tagged(arp, kEveryone, kNodeCMac, 101), not_carried},
      {"another VLAN, stripped", kTrunk, Stripped(Tagged(arp, kEveryone, kNodeCMac, 101)),
       not_carried},
      {"none", kTrunk, Ethernet(kEveryone, kNodeCMac) / arp, not_carried},
      {"a pod's guest tags", kPodA, pods, not_carried},
      {"a pod's guest tags, stripped", kPodA, Stripped(pods), not_carried},
      {"two tags", kTrunk, stacked, Drops(DropReason::kVlanStacked)},
      {"two tags, the first stripped", kTrunk, Stripped(stacked), Drops(DropReason::kVlanStacked)},
  });
}

// --- Rule 10: unicast requests ---

TEST_F(ArpConformance, Rule10UnicastRequestToPodwarpIsAnswered) {
  Check({
      {"a pod checks that its gateway is alive", kPodA,
       Ethernet(kGatewayMac, kMacA) / Arp::Request(kMacA, kIpA, kGatewayIp), AHears(kGatewayIp)},
      {"or any other address behind it", kPodA,
       Ethernet(kGatewayMac, kMacA) / Arp::Request(kMacA, kIpA, kIpB).TargetMac(kGatewayMac),
       AHears(kIpB)},
      {"a neighbour checks this node", kUplink,
       Ethernet(kVirtualMac, kNodeBMac) / Arp::Request(kNodeBMac, kNodeBIp, kUnderlayIp),
       Sends(kUplink, Reply(kVirtualMac, kUnderlayIp, kNodeBMac, kNodeBIp))},
  });
}

TEST_F(ArpConformance, Rule10RequestToAnotherMacIsNotOurs) {
  const auto to = [](MacAddress mac) {
    return Ethernet(mac, kMacA) / Arp::Request(kMacA, kIpA, kIpB);
  };
  const Outcome not_ours = Drops(DropReason::kArpNotForUs);
  Check({
      {"another pod", kPodA, to(kMacB), not_ours},
      {"the MAC that the node has on the wire", kPodA, to(kVirtualMac), not_ours},
      {"multicast", kPodA, to(kGroupMac), not_ours},
      {"the gateway MAC on the wire", kUplink,
       Ethernet(kGatewayMac, kNodeBMac) / Arp::Request(kNodeBMac, kNodeBIp, kUnderlayIp), not_ours},
      {"a reply between others", kUplink,
       Ethernet(kNodeBMac, kNodeDMac) / Arp::Reply(kNodeDMac, kNodeDIp, kNodeBMac, kNodeBIp),
       not_ours},
  });
}

// --- Rule 11: requests from the wire ---

TEST_F(ArpConformance, Rule11UplinkAnswersForItsOwnUnderlayAddress) {
  const auto ask = [](Ipv4Address target) { return Ask(kNodeBMac, kNodeBIp, target); };
  const Outcome not_announced = Drops(DropReason::kArpNotAnnounced);
  Check({
      {"its own", kUplink, ask(kUnderlayIp),
       Sends(kUplink, Reply(kVirtualMac, kUnderlayIp, kNodeBMac, kNodeBIp))},
      {"asked by a host that the node doesn't know", kUplink,
       Ask(kStrangerMac, kOnLinkIp, kUnderlayIp),
       Sends(kUplink, Reply(kVirtualMac, kUnderlayIp, kStrangerMac, kOnLinkIp))},
      {"its own, probed by a newcomer", kUplink,
       Ethernet(kEveryone, kStrangerMac) / Arp::Probe(kStrangerMac, kUnderlayIp),
       Sends(kUplink, Reply(kVirtualMac, kUnderlayIp, kStrangerMac, kNobody))},
      {"that of the other uplink", kUplink, ask(kTrunkUnderlayIp), not_announced},
      {"a pod's, not announced here", kUplink, ask(kIpA), not_announced},
      {"the gateway's", kUplink, ask(kGatewayIp), not_announced},
      {"another node's", kUplink, Ask(kStrangerMac, kOnLinkIp, kNodeBIp), not_announced},
      {"nobody's", kUplink, ask(kUnownedIp), not_announced},
      {"another host's, probed", kUplink,
       Ethernet(kEveryone, kStrangerMac) / Arp::Probe(kStrangerMac, kOnLinkIp), not_announced},
  });
}

TEST_F(ArpConformance, Rule11UplinkThatAnnouncesPodsAnswersForThem) {
  const auto ask = [](Ipv4Address target) {
    return Tagged(Arp::Request(kNodeCMac, kNodeCIp, target), kEveryone, kNodeCMac);
  };
  const Outcome not_announced = Drops(DropReason::kArpNotAnnounced);
  Check({
      {"a pod's", kTrunk, ask(kIpA), Sends(kTrunk, TaggedReply(kIpA, kNodeCMac, kNodeCIp))},
      {"a pod's, probed", kTrunk, Tagged(Arp::Probe(kStrangerMac, kIpA), kEveryone, kStrangerMac),
       Sends(kTrunk, TaggedReply(kIpA, kStrangerMac, kNobody))},
      {"its own", kTrunk, ask(kTrunkUnderlayIp),
       Sends(kTrunk, TaggedReply(kTrunkUnderlayIp, kNodeCMac, kNodeCIp))},
      {"a remote pod's: that is its node's to say", kTrunk, ask(kRemoteIp), not_announced},
      {"nobody's", kTrunk, ask(kUnownedIp), not_announced},
      {"the gateway's", kTrunk, ask(kGatewayIp), not_announced},
  });
}

TEST_F(ArpConformance, Rule11OwnAddressAsSenderOnTheWireIsAConflict) {
  Check({
      {"RFC 5227, 2.4: any ARP frame", kUplink, Ask(kStrangerMac, kUnderlayIp, kRouterIp),
       Drops(DropReason::kArpConflict)
           .AndTells(EventKind::kAddressConflict, kUplink, kUnderlayIp, kStrangerMac)},
      {"a pod that is still alive elsewhere", kUplink, Ask(kStrangerMac, kIpA, kUnderlayIp),
       Drops(DropReason::kArpConflict)
           .AndTells(EventKind::kAddressConflict, kUplink, kIpA, kStrangerMac)},
      {"the own MAC is another fault", kUplink, Ask(kVirtualMac, kUnderlayIp, kRouterIp),
       Drops(DropReason::kDuplicateVirtualMac)},
  });
}

// --- Rule 12: announcements ---

TEST_F(ArpConformance, Rule12NeighboursAnnouncementReachesTheControlThread) {
  const Packet request =
      Ethernet(kEveryone, kStrangerMac) / Arp::Announcement(kStrangerMac, kNodeBIp);
  const Packet reply =
      Ethernet(kEveryone, kStrangerMac) / Arp::Reply(kStrangerMac, kNodeBIp, kEveryone, kNodeBIp);
  const Outcome told =
      Consumes().AndTells(EventKind::kNeighborAnswered, kUplink, kNodeBIp, kStrangerMac);
  Check({
      {"request form", kUplink, request, told},
      {"reply form", kUplink, reply, told},
      {"of a host that nobody asked for", kUplink,
       Ethernet(kEveryone, kStrangerMac) / Arp::Announcement(kStrangerMac, kOnLinkIp),
       Drops(DropReason::kArpUnsolicitedReply)},
  });
}

TEST_F(ArpConformance, Rule12PodwarpsOwnAnnouncementLeavesAsItIs) {
  const Packet announcement =
      (Ethernet(kEveryone, kVirtualMac) / Arp::Announcement(kVirtualMac, kUnderlayIp)).PadTo(60);
  const Result result = node.Send(kUplink, announcement);
  ASSERT_EQ(result.sent.size(), 1u);
  EXPECT_EQ(result.sent[0].first, kUplink);
  EXPECT_EQ(result.sent[0].second.packet, announcement);
  EXPECT_EQ(result.originated, 1u);
}

// --- Rule 13: limits ---

TEST_F(ArpConformance, Rule13FloodGetsItsShareAndSlowsNoOtherPort) {
  FakeClock clock;
  node.context.limits.arp = Rate(/*per_second=*/10, /*at_once=*/3, FakeClock::kHz);
  clock.Advance(absl::Seconds(1));
  node.pipeline.BeginRound(clock.now);

  const Result flood = node.Run(kPodA, std::vector<Input>(100, AAsks(kIpB)));
  EXPECT_EQ(flood.sent.size(), 3u);
  EXPECT_EQ(flood.dropped, std::vector<DropReason>(97, DropReason::kArpRateLimited));
  Check({
      {"nothing more at once", kPodA, AAsks(kIpB), Drops(DropReason::kArpRateLimited)},
      {"whatever it is", kPodA, Ethernet(kEveryone, kMacA) / Arp::Announcement(kMacA, kIpA),
       Drops(DropReason::kArpRateLimited)},
      {"another pod is not slowed", kPodB, Ask(kMacB, kIpB, kIpA),
       Sends(kPodB, Reply(kGatewayMac, kIpA, kMacB, kIpB))},
      {"nor is the wire", kUplink, Ask(kNodeBMac, kNodeBIp, kUnderlayIp),
       Sends(kUplink, Reply(kVirtualMac, kUnderlayIp, kNodeBMac, kNodeBIp))},
      {"nor is the pod's other traffic", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kIpB) / Payload(26),
       Sends(kPodB, Ethernet(kMacB, kGatewayMac) / Ipv4(kIpA, kIpB).Ttl(63) / Payload(26))},
  });

  clock.Advance(absl::Milliseconds(99));
  node.pipeline.BeginRound(clock.now);
  Check({{"not before its time", kPodA, AAsks(kIpB), Drops(DropReason::kArpRateLimited)}});
  clock.Advance(absl::Milliseconds(1));
  node.pipeline.BeginRound(clock.now);
  Check({
      {"one each tenth of a second", kPodA, AAsks(kIpB), AHears(kIpB)},
      {"and no more", kPodA, AAsks(kIpB), Drops(DropReason::kArpRateLimited)},
  });
  clock.Advance(absl::Hours(1));
  node.pipeline.BeginRound(clock.now);
  EXPECT_EQ(node.Run(kPodA, std::vector<Input>(100, AAsks(kIpB))).sent.size(), 3u)
      << "a long silence saves nothing up";
}

// --- Rule 14: removal ---

TEST_F(ArpConformance, Rule14NobodyAnswersForARemovedPod) {
  Check({{"before", kPodB, Ask(kMacB, kIpB, kIpA),
          Sends(kPodB, Reply(kGatewayMac, kIpA, kMacB, kIpB))}});
  node.RemoveRoute(Ipv4Prefix::Host(kIpA));
  node.tables.pods.Remove(kPodA);
  node.tables.rcu.Synchronize();
  Check({
      {"a request", kPodB, Ask(kMacB, kIpB, kIpA), Drops(DropReason::kArpUnknownTarget)},
      {"a probe: the address is free again", kPodB,
       Ethernet(kEveryone, kMacB) / Arp::Probe(kMacB, kIpA), Drops(DropReason::kArpFreeProbe)},
      {"on the wire", kTrunk, Tagged(Arp::Request(kNodeCMac, kNodeCIp, kIpA), kEveryone, kNodeCMac),
       Drops(DropReason::kArpNotAnnounced)},
      {"the removed pod gets no answer either", kPodA, AAsks(kIpB),
       Drops(DropReason::kNoPodBehindPort)},
  });
}

}  // namespace
}  // namespace podwarp::test
