#include "pipeline/arp_conformance.h"

namespace podwarp::test {
namespace {

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

}  // namespace
}  // namespace podwarp::test
