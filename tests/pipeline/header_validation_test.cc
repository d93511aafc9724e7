// Frames that go no further: Ethernet and IPv4 headers that a router must refuse (RFC 1812 5.2.2
// and 5.3.7, RFC 7126).
#include "pipeline/ip_rows.h"

namespace podwarp::test {
namespace {

class HeaderValidation : public NodeTest {
 protected:
  const Ipv4 ip{kIpA, kIpB};
  const Packet arrived = Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63));
};

Packet WithOptions(Bytes options) { return FromA(Ipv4(kIpA, kIpB).Options(std::move(options))); }
Packet Passed(Bytes options) {
  return Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63).Options(std::move(options)));
}

TEST_F(HeaderValidation, Ethernet) {
  const Packet inside = ip / Udp(1000, 2000) / Payload(50);
  const Packet frame = FromA(ip);
  Check({
      {"nothing at all", kPodA, frame.Truncate(0), Drops(DropReason::kFrameTooShort)},
      {"a byte too short", kPodA, frame.Truncate(13), Drops(DropReason::kFrameTooShort)},
      {"a tag cut short", kPodA, (Ethernet(kGatewayMac, kMacA) / Vlan(0) / inside).Truncate(17),
       Drops(DropReason::kFrameTooShort)},
      {"the header in pieces", kPodA, Input(frame, {.segments = {13}}),
       Drops(DropReason::kFrameTooShort)},
      {"an empty first segment", kPodA, Input(frame, {.segments = {0}}),
       Drops(DropReason::kFrameTooShort)},
      {"to another MAC", kPodA, Ethernet(kMacB, kMacA) / inside, Drops(DropReason::kNotForUs)},
      {"to the MAC that the node has on the wire", kPodA, Ethernet(kVirtualMac, kMacA) / inside,
       Drops(DropReason::kNotForUs)},
      {"flooded by a switch", kUplink, Datagram(kNodeBMac, kNodeDMac, Ipv4(kNodeDIp, kRemoteIp)),
       Drops(DropReason::kNotForUs)},
      {"from zero", kPodA, Ethernet(kGatewayMac, MacAddress()) / inside,
       Drops(DropReason::kEthernetSourceInvalid)},
      {"from a group", kPodA, Ethernet(kGatewayMac, "03:00:00:00:0a:0a"_mac) / inside,
       Drops(DropReason::kEthernetSourceInvalid)},
      {"from the node itself: a loop, or a twin", kUplink,
       Datagram(kVirtualMac, kVirtualMac, Ipv4(kRemoteIp, kIpA)),
       Drops(DropReason::kDuplicateVirtualMac)},
      {"link broadcast of a unicast packet", kPodA,
       Ethernet(MacAddress::Broadcast(), kMacA) / inside, Drops(DropReason::kBroadcast)},
      {"link multicast of a unicast packet", kPodA,
       Ethernet("01:00:5e:01:02:03"_mac, kMacA) / inside, Drops(DropReason::kMulticast)},
      {"DHCP", kPodA,
       Ethernet(MacAddress::Broadcast(), kMacA) / Ipv4("0.0.0.0"_ip, "255.255.255.255"_ip) /
           Udp(68, 67),
       Drops(DropReason::kBroadcast)},
      {"IPv6", kPodA, Ethernet(kGatewayMac, kMacA).EtherType(kEtherTypeIpv6) / Payload(40),
       Drops(DropReason::kIpv6NotSupported)},
      {"IPv6 router solicitation", kPodA,
       Ethernet("33:33:00:00:00:02"_mac, kMacA).EtherType(kEtherTypeIpv6) / Payload(40),
       Drops(DropReason::kIpv6NotSupported)},
      {"LLDP", kUplink,
       Ethernet("01:80:c2:00:00:0e"_mac, kNodeBMac).EtherType(0x88cc) / Payload(46),
       Drops(DropReason::kMulticast)},
      {"an EtherType that podwarp doesn't speak", kPodA,
       Ethernet(kGatewayMac, kMacA).EtherType(0x88b5) / Payload(46),
       Drops(DropReason::kEtherTypeUnknown)},
      {"a service tag", kPodA, Ethernet(kGatewayMac, kMacA) / Vlan(0).Tpid(0x88a8) / inside,
       Drops(DropReason::kEtherTypeUnknown)},
      {"two tags", kTrunk, Ethernet(kVirtualMac, kNodeCMac) / Vlan(kTrunkVlan) / Vlan(5) / inside,
       Drops(DropReason::kVlanStacked)},
  });
}

TEST_F(HeaderValidation, Lengths) {
  const Packet frame = FromA(ip);  // 28 + 50 bytes of IP
  Check({
      {"an Ethernet header alone", kPodA, frame.Truncate(14), Drops(DropReason::kIpTruncated)},
      {"19 bytes", kPodA, frame.Truncate(33), Drops(DropReason::kIpTruncated)},
      {"a byte less than the packet says", kPodA, frame.Truncate(frame.size() - 1),
       Drops(DropReason::kIpTruncated)},
      {"a byte more in its length", kPodA, FromA(Ipv4(ip).TotalLength(79)),
       Drops(DropReason::kIpTruncated)},
      {"a length beyond reason", kPodA, FromA(Ipv4(ip).TotalLength(0xffff)),
       Drops(DropReason::kIpTruncated)},
      {"length 0, as some devices write it", kPodA, FromA(Ipv4(ip).TotalLength(0)),
       Drops(DropReason::kIpHeaderLength)},
      {"length 19", kPodA, FromA(Ipv4(ip).TotalLength(19)), Drops(DropReason::kIpHeaderLength)},
      {"header of 16 bytes", kPodA, FromA(Ipv4(ip).HeaderWords(4)),
       Drops(DropReason::kIpHeaderLength)},
      {"header of 0 bytes", kPodA, FromA(Ipv4(ip).HeaderWords(0)),
       Drops(DropReason::kIpHeaderLength)},
      {"header longer than the packet", kPodA,
       (Ethernet(kGatewayMac, kMacA) / Ipv4(ip).HeaderWords(15) / Payload(39)).PadTo(100),
       Drops(DropReason::kIpHeaderLength)},
      {"version 6", kPodA, FromA(Ipv4(ip).Version(6)), Drops(DropReason::kIpVersion)},
      {"version 0", kPodA, FromA(Ipv4(ip).Version(0)), Drops(DropReason::kIpVersion)},
      {"the header in pieces", kPodA, Input(frame, {.segments = {33}}),
       Drops(DropReason::kIpHeaderSplit)},
      {"the options in pieces", kPodA, Input(WithOptions({0x94, 4, 0, 0}), {.segments = {37}}),
       Drops(DropReason::kIpHeaderSplit)},
      {"the options just whole", kPodA, Input(WithOptions({0x94, 4, 0, 0}), {.segments = {38}}),
       Gathered().AndSends(kPodB, Passed({0x94, 4, 0, 0}))},
      {"20 bytes and no more", kPodA, Ethernet(kGatewayMac, kMacA) / Ipv4(ip) / Payload(0),
       Sends(kPodB, Ethernet(kMacB, kGatewayMac) / Ipv4(ip).Ttl(63) / Payload(0))},
  });
}

TEST_F(HeaderValidation, Checksum) {
  const Packet wrong = FromA(Ipv4(ip).Checksum(0x1234));
  const Outcome dropped = Drops(DropReason::kIpChecksum);
  Check({
      {"wrong", kPodA, wrong, dropped},
      {"zero", kPodA, FromA(Ipv4(ip).Checksum(0)), dropped},
      {"wrong with options", kPodA, FromA(Ipv4(ip).Options({1, 1, 1, 0}).Checksum(0x1234)),
       dropped},
      {"wrong, and from the wire", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA).Checksum(0x1234)), dropped},
      {"the device found it wrong", kPodA, Input(FromA(ip), {}, RTE_MBUF_F_RX_IP_CKSUM_BAD),
       dropped},
      {"the device found it right", kPodA, Input(FromA(ip), {}, RTE_MBUF_F_RX_IP_CKSUM_GOOD),
       Sends(kPodB, arrived)},
      {"the device doesn't know", kPodA, Input(wrong, {}, RTE_MBUF_F_RX_IP_CKSUM_NONE), dropped},
  });
}

TEST_F(HeaderValidation, Options) {
  const Outcome refused = Drops(DropReason::kIpSourceRoute);
  Check({
      {"loose source route", kPodA, WithOptions({131, 7, 4, 10, 244, 1, 11}), refused},
      {"strict source route", kPodA, WithOptions({137, 7, 4, 10, 244, 1, 11}), refused},
      {"behind others", kPodA, WithOptions({1, 1, 0x94, 4, 0, 0, 1, 131, 3, 4}), refused},
      {"an option of length 0", kPodA, WithOptions({0x94, 0, 0, 0}), refused},
      {"an option of length 1", kPodA, WithOptions({0x94, 1, 0, 0}), refused},
      {"an option longer than the header", kPodA, WithOptions({0x94, 5, 0, 0}), refused},
      {"an option without its length", kPodA, WithOptions({1, 1, 1, 0x94}), refused},
      {"no operation, end of list, and rubbish behind", kPodA, WithOptions({1, 1, 0, 131}),
       Sends(kPodB, Passed({1, 1, 0, 131}))},
      {"record route, left as it is", kPodA, WithOptions({7, 7, 4, 0, 0, 0, 0}),
       Sends(kPodB, Passed({7, 7, 4, 0, 0, 0, 0}))},
      {"as many as fit", kPodA, WithOptions(Bytes(40, 1)), Sends(kPodB, Passed(Bytes(40, 1)))},
  });
}

TEST_F(HeaderValidation, Addresses) {
  const auto to = [](Ipv4Address destination) { return FromA(Ipv4(kIpA, destination)); };
  const auto from = [](Ipv4Address source) { return FromA(Ipv4(source, kIpB)); };
  Check({
      {"to multicast", kPodA, to("224.0.0.5"_ip), Drops(DropReason::kMulticast)},
      {"to broadcast", kPodA, to("255.255.255.255"_ip), Drops(DropReason::kBroadcast)},
      {"to loopback", kPodA, to("127.0.0.1"_ip), Drops(DropReason::kIpDestinationInvalid)},
      {"to zero", kPodA, to("0.0.0.0"_ip), Drops(DropReason::kIpDestinationInvalid)},
      {"to this network", kPodA, to("0.1.2.3"_ip), Drops(DropReason::kIpDestinationInvalid)},
      {"to class E", kPodA, to("240.0.0.1"_ip), Drops(DropReason::kIpDestinationInvalid)},
      {"from multicast", kPodA, from("224.0.0.5"_ip), Drops(DropReason::kIpSourceInvalid)},
      {"from broadcast", kPodA, from("255.255.255.255"_ip), Drops(DropReason::kIpSourceInvalid)},
      {"from loopback", kPodA, from("127.0.0.1"_ip), Drops(DropReason::kIpSourceInvalid)},
      {"from zero", kPodA, from("0.0.0.0"_ip), Drops(DropReason::kIpSourceInvalid)},
      {"from class E", kPodA, from("255.0.0.1"_ip), Drops(DropReason::kIpSourceInvalid)},
      {"from loopback, on the wire", kUplink,
       Datagram(kVirtualMac, kNodeBMac, Ipv4("127.0.0.1"_ip, kIpA)),
       Drops(DropReason::kIpSourceInvalid)},
  });
}

}  // namespace
}  // namespace podwarp::test
