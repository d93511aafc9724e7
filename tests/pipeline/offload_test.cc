// What senders leave to the device, and what podwarp makes of it: handed on to a port that can do
// it, done in software for one that can't.
#include "pipeline/ip_rows.h"

namespace podwarp::test {
namespace {

const MacAddress kMac = "02:00:00:00:05:05"_mac;
const Ipv4Address kIp = "10.244.1.50"_ip;

Packet Segment(MacAddress to, MacAddress from, const Ipv4& ip, const Tcp& tcp, size_t bytes) {
  return Ethernet(to, from) / ip / tcp / Payload(bytes);
}
// A giant from pod_a, and where its bytes stand.
Packet Giant(Ipv4Address to, size_t bytes) {
  return Segment(kGatewayMac, kMacA, Ipv4(kIpA, to).Id(100).DontFragment(),
                 Tcp(1000, 80, Tcp::kAck | Tcp::kPsh).Sequence(5000).PartialChecksum(), bytes);
}

class OffloadTest : public NodeTest {};

TEST_F(OffloadTest, GiantPassesWholeToAPortThatTakesIt) {
  const PortId port =
      node.AddPod("vm", kMac, kIp, {.checksum = true, .tcp_segments = true, .multi_segment = true});
  for (const size_t bytes : {3000u, 65000u}) {
    const Result result =
        node.Run(kPodA, {Input(Giant(kIp, bytes), {.offload = Wanted(kIpProtocolTcp, 1448)})});
    ASSERT_EQ(result.sent.size(), 1u);
    const TransmittedFrame& frame = result.sent[0].second;
    EXPECT_EQ(result.sent[0].first, port);
    EXPECT_EQ(
        frame.packet,
        Segment(kMac, kGatewayMac, Ipv4(kIpA, kIp).Id(100).DontFragment().Ttl(63),
                Tcp(1000, 80, Tcp::kAck | Tcp::kPsh).Sequence(5000).PartialChecksum(), bytes));
    ASSERT_TRUE(frame.offload.has_value());
    EXPECT_EQ(frame.offload->segment_bytes, 1448);
    EXPECT_TRUE(frame.offload->checksum_wanted);
    EXPECT_EQ(result.originated, 0u);
  }
}

TEST_F(OffloadTest, GiantIsCutForAPortThatDoesNot) {
  const Bytes payload = Payload(3500).Encode({});
  const Result result =
      node.Run(kPodA, {Input(Giant(kIpB, 3500), {.offload = Wanted(kIpProtocolTcp, 1448)})});
  EXPECT_EQ(result.originated, 3u);
  EXPECT_EQ(result.consumed, 1u);
  ASSERT_EQ(result.sent.size(), 3u);
  for (uint16_t i = 0; i < 3; ++i) {
    const size_t offset = i * 1448u;
    const auto from = payload.begin() + static_cast<ptrdiff_t>(offset);
    const Bytes part(from, from + static_cast<ptrdiff_t>(std::min<size_t>(1448, 3500 - offset)));
    const auto flags = static_cast<uint8_t>(i == 2 ? Tcp::kAck | Tcp::kPsh : Tcp::kAck);
    EXPECT_EQ(result.sent[i].second.packet,
              Ethernet(kMacB, kGatewayMac) /
                  Ipv4(kIpA, kIpB).Id(static_cast<uint16_t>(100 + i)).DontFragment().Ttl(63) /
                  Tcp(1000, 80, flags).Sequence(static_cast<uint32_t>(5000 + offset)) / Raw(part));
    EXPECT_FALSE(result.sent[i].second.offload.has_value());
  }
}

TEST_F(OffloadTest, GiantForAVlanGetsATagOnEverySegment) {
  const Result result = node.Run(
      kPodA, {Input(Giant(kTrunkRemoteIp, 3500), {.offload = Wanted(kIpProtocolTcp, 1448)})});
  ASSERT_EQ(result.sent.size(), 3u);
  for (const auto& [port, frame] : result.sent) {
    EXPECT_EQ(port, kTrunk);
    EXPECT_EQ(
        frame.packet.Truncate(18),
        (Ethernet(kNodeCMac, kVirtualMac) / Vlan(kTrunkVlan) / Ipv4(kIpA, kIpB)).Truncate(18));
  }
}

// The MTU is asked of what will stand on the wire, not of the giant.
TEST_F(OffloadTest, MtuHoldsForTheSegments) {
  const auto giant = [](uint16_t segment_bytes) {
    return Input(Giant(kIpB, 4000), {.offload = Wanted(kIpProtocolTcp, segment_bytes)});
  };
  EXPECT_EQ(node.Run(kPodA, {giant(1460)}).sent.size(), 3u);
  const Packet frame = Giant(kIpB, 4000);
  Check({{"a byte too long each", kPodA, giant(1461),
          Drops(DropReason::kMtuExceeded)
              .AndSends(kPodA, ErrorToA(frame, Icmp::FragmentationNeeded(1500)))}});
}

// UFO: segment_bytes is the IP payload of each fragment, the UDP header in the first.
TEST_F(OffloadTest, UdpGiantBecomesFragmentsThatFillTheMtu) {
  const Packet whole = FromA(Ipv4(kIpA, kIpB).Id(6), 4000);
  const Packet open = Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kIpB).Id(6) /
                      Udp(1000, 2000).PartialChecksum() / Payload(4000);
  const Result result = node.Run(kPodA, {Input(open, {.offload = Wanted(kIpProtocolUdp, 1480)})});
  ASSERT_EQ(result.sent.size(), 3u);
  Bytes together;
  for (uint16_t i = 0; i < 3; ++i) {
    const Packet& piece = result.sent[i].second.packet;
    Ipv4 ip = Ipv4(kIpA, kIpB).Id(6).Ttl(63).FragmentOffset(static_cast<uint16_t>(i * 1480));
    if (i < 2) ip.MoreFragments();
    const Bytes inside = piece.Skip(34).bytes();
    EXPECT_EQ(piece, Ethernet(kMacB, kGatewayMac) / ip.Protocol(kIpProtocolUdp) / Raw(inside));
    EXPECT_LE(piece.size(), 1514u);
    together.insert(together.end(), inside.begin(), inside.end());
  }
  EXPECT_EQ(together, whole.Skip(34).bytes());
}

TEST_F(OffloadTest, WantedChecksumIsFilledInOrHandedOn) {
  const PortId port = node.AddPod("vm", kMac, kIp, {.checksum = true});
  const auto tcp = [] { return Tcp(1, 2).Sequence(3); };
  const auto from_a = [](Ipv4Address to, const Tcp& with) {
    return Segment(kGatewayMac, kMacA, Ipv4(kIpA, to), with, 333);
  };
  Check({{"filled in", kPodA,
          Input(from_a(kIpB, tcp().PartialChecksum()), {.offload = Wanted(kIpProtocolTcp)}),
          Sends(kPodB, Segment(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63), tcp(), 333))},
         {"handed on", kPodA,
          Input(from_a(kIp, tcp().PartialChecksum()), {.offload = Wanted(kIpProtocolTcp)}),
          Sends(port, Segment(kMac, kGatewayMac, Ipv4(kIpA, kIp).Ttl(63), tcp().PartialChecksum(),
                              333))}});
  const Result handed_on = node.Run(
      kPodA, {Input(from_a(kIp, tcp().PartialChecksum()), {.offload = Wanted(kIpProtocolTcp)})});
  ASSERT_EQ(handed_on.sent.size(), 1u);
  ASSERT_TRUE(handed_on.sent[0].second.offload.has_value());
  EXPECT_TRUE(handed_on.sent[0].second.offload->checksum_wanted);
}

TEST_F(OffloadTest, LengthsThatContradictThePacketAreRefused) {
  const auto with = [](auto change) {
    Offload offload = Wanted(kIpProtocolTcp, 1448);
    change(offload);
    return Input(Giant(kIpB, 3500), {.offload = offload});
  };
  const Outcome failed = Drops(DropReason::kOffloadFailed);
  Check({
      {"another IP header", kPodA, with([](Offload& o) { o.l3_bytes = 24; }), failed},
      {"another TCP header", kPodA, with([](Offload& o) { o.l4_bytes = 24; }), failed},
      {"no header", kPodA, with([](Offload& o) { o.l3_bytes = o.l4_bytes = 0; }), failed},
      {"another protocol", kPodA, with([](Offload& o) { o.l4_protocol = kIpProtocolUdp; }), failed},
      {"a protocol nobody cuts", kPodA, with([](Offload& o) { o.l4_protocol = 132; }), failed},
      {"more segments than there is room for", kPodA, with([](Offload& o) { o.segment_bytes = 1; }),
       failed},
  });
}

TEST_F(OffloadTest, MbufsAreGatheredForAPortThatTakesOneAtATime) {
  const PortId port = node.AddPod("chains", kMac, kIp, {.multi_segment = true});
  const MbufOptions in_pieces = {.segments = {34, 20}};
  const Result gathered = node.Run(kPodA, {Input(FromA(Ipv4(kIpA, kIpB)), in_pieces)});
  ASSERT_EQ(gathered.sent.size(), 1u);
  EXPECT_EQ(gathered.sent[0].second.segments, 1);
  EXPECT_EQ(gathered.originated, 1u);
  const Result as_it_is = node.Run(kPodA, {Input(FromA(Ipv4(kIpA, kIp)), in_pieces)});
  ASSERT_EQ(as_it_is.sent.size(), 1u);
  EXPECT_EQ(as_it_is.sent[0].first, port);
  EXPECT_EQ(as_it_is.sent[0].second.segments, 3);
  EXPECT_EQ(as_it_is.originated, 0u);
}

}  // namespace
}  // namespace podwarp::test
