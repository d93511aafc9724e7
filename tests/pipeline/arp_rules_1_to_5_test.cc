#include "pipeline/arp_conformance.h"

namespace podwarp::test {
namespace {

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

TEST_F(ArpConformance, Rule01AServicesAddressIsAnsweredInEachHairpinMode) {
  node.AddRoute(Ipv4Prefix::Host(kServiceIp), {.kind = NextHopKind::kService});
  struct Mode {
    bool promiscuous_arp, allow_hairpin;
  };
  for (const Mode& mode : {Mode{true, true}, Mode{false, true}, Mode{false, false}}) {
    NodeSettings changed = node.settings;
    changed.promiscuous_arp = mode.promiscuous_arp;
    changed.allow_hairpin = mode.allow_hairpin;
    node.Publish(changed);
    Check({
        {"asked by a pod", kPodA, AAsks(kServiceIp), AHears(kServiceIp)},
        {"asked by the node's kernel", kHost, Ask(kHostMac, kHostIp, kServiceIp),
         Sends(kHost, Reply(kGatewayMac, kServiceIp, kHostMac, kHostIp))},
    });
  }
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

TEST_F(ArpConformance, Rule02ProbeForAServicesAddressIsAnswered) {
  node.AddRoute(Ipv4Prefix::Host(kServiceIp), {.kind = NextHopKind::kService});
  for (const bool promiscuous : {false, true}) {
    node.SetPromiscuousArp(promiscuous);
    Check({
        {"by a pod", kPodA, AProbes(kServiceIp), AHearsOfProbe(kServiceIp)},
        {"by the kernel", kHost, Ethernet(kEveryone, kHostMac) / Arp::Probe(kHostMac, kServiceIp),
         Sends(kHost, Reply(kGatewayMac, kServiceIp, kHostMac, kNobody))},
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

TEST_F(ArpConformance, Rule03AServicesAddressIsNobodyElses) {
  node.AddRoute(Ipv4Prefix::Host(kServiceIp), {.kind = NextHopKind::kService});
  Check({{"claimed by a pod", kPodA,
          Ethernet(kEveryone, kMacA) / Arp::Announcement(kMacA, kServiceIp),
          Drops(DropReason::kArpConflict)
              .AndTells(EventKind::kAddressConflict, kPodA, kServiceIp, kMacA)}});
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

}  // namespace
}  // namespace podwarp::test
