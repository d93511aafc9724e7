#include "pipeline/arp_conformance.h"
#include "support/fake_clock.h"

namespace podwarp::test {
namespace {

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

TEST_F(ArpConformance, Rule11UplinkThatAnnouncesServicesAnswersForExternalAddresses) {
  const Ipv4Address external = "192.168.50.200"_ip;
  node.AddRoute(Ipv4Prefix::Host(external), {.kind = NextHopKind::kExternalService});
  node.AddRoute(Ipv4Prefix::Host(kServiceIp), {.kind = NextHopKind::kService});
  const PortId announcing = node.AddPort({.name = "announcing",
                                          .role = PortRole::kUplink,
                                          .router_mac = kVirtualMac,
                                          .announce_services = true});
  const Packet taken = Ask(kStrangerMac, external, external);
  const Outcome not_announced = Drops(DropReason::kArpNotAnnounced);
  Check({
      {"asked for", announcing, Ask(kStrangerMac, kOnLinkIp, external),
       Sends(announcing, Reply(kVirtualMac, external, kStrangerMac, kOnLinkIp))},
      {"probed", announcing, Ethernet(kEveryone, kStrangerMac) / Arp::Probe(kStrangerMac, external),
       Sends(announcing, Reply(kVirtualMac, external, kStrangerMac, kNobody))},
      {"taken by somebody else", announcing, taken,
       Drops(DropReason::kArpConflict)
           .AndTells(EventKind::kAddressConflict, announcing, external, kStrangerMac)},
      {"a cluster address stays inside", announcing, Ask(kStrangerMac, kOnLinkIp, kServiceIp),
       not_announced},
      {"a pod's too", announcing, Ask(kStrangerMac, kOnLinkIp, kIpA), not_announced},
      {"on another uplink", kUplink, Ask(kStrangerMac, kOnLinkIp, external), not_announced},
      {"where another node announces it", kUplink, taken, Drops(DropReason::kArpUnsolicitedReply)},
  });
}

// A service is at every node: none of them has its address on the wire.
TEST_F(ArpConformance, Rule11NoUplinkAnswersForAService) {
  node.AddRoute(Ipv4Prefix::Host(kServiceIp), {.kind = NextHopKind::kService});
  const Outcome not_announced = Drops(DropReason::kArpNotAnnounced);
  for (const bool promiscuous : {false, true}) {
    node.SetPromiscuousArp(promiscuous);
    Check({
        {"on a plain uplink", kUplink, Ask(kNodeBMac, kNodeBIp, kServiceIp), not_announced},
        {"probed there", kUplink,
         Ethernet(kEveryone, kStrangerMac) / Arp::Probe(kStrangerMac, kServiceIp), not_announced},
        {"where pods are announced", kTrunk,
         Tagged(Arp::Request(kNodeCMac, kNodeCIp, kServiceIp), kEveryone, kNodeCMac),
         not_announced},
    });
  }
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
