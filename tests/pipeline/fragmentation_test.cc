// Packets larger than the next hop's MTU that may be cut (RFC 791, 3.2): byte for byte.
#include "pipeline/ip_rows.h"

namespace podwarp::test {
namespace {

const Ipv4Address kSmallIp = "10.244.1.50"_ip;
const MacAddress kSmallMac = "02:00:00:00:05:05"_mac;
constexpr uint16_t kMtu = 1000;

class Fragmentation : public NodeTest {
 protected:
  std::vector<Packet> Arriving(const Input& frame) {
    std::vector<Packet> packets;
    for (const auto& [port, sent] : node.Run(kPodA, {frame}).sent) {
      EXPECT_EQ(port, small);
      packets.push_back(sent.packet);
    }
    return packets;
  }

  const PortId small = node.AddPod("small", kSmallMac, kSmallIp, {}, kMtu);
};

Bytes Slice(const Bytes& bytes, size_t from, size_t count) {
  return {bytes.begin() + static_cast<ptrdiff_t>(from),
          bytes.begin() + static_cast<ptrdiff_t>(from + count)};
}

Packet ToSmall(const Ipv4& ip, const Bytes& inside) {
  return Ethernet(kSmallMac, kGatewayMac) / Ipv4(ip).Ttl(63).Protocol(kIpProtocolUdp) / Raw(inside);
}

TEST_F(Fragmentation, PiecesMakeUpTheWhole) {
  const Ipv4 ip = Ipv4(kIpA, kSmallIp).Id(4242).Tos(8);
  const Packet frame = FromA(ip, 1400);
  const Bytes inside = frame.Skip(34).bytes();  // 1408 bytes of UDP: 976 and 432
  const std::vector<Packet> expected = {
      ToSmall(Ipv4(ip).MoreFragments(), Slice(inside, 0, 976)),
      ToSmall(Ipv4(ip).FragmentOffset(976), Slice(inside, 976, 432))};
  EXPECT_EQ(Arriving(frame), expected);
  EXPECT_EQ(Arriving(Input(frame, {.segments = {34, 1, 0, 979}})), expected)
      << "in mbufs of odd size";
  EXPECT_EQ(Arriving(frame.PadTo(1500, 0xee)), expected) << "padding is no part of the packet";
}

TEST_F(Fragmentation, JumboPacketMakesManyPieces) {
  const Packet frame = FromA(Ipv4(kIpA, kSmallIp).Id(1), 8972);
  const Bytes inside = frame.Skip(34).bytes();
  const std::vector<Packet> pieces = Arriving(frame);
  ASSERT_EQ(pieces.size(), 10u);
  Bytes together;
  for (const Packet& piece : pieces) {
    EXPECT_LE(piece.size(), 14u + kMtu);
    const Bytes more = piece.Skip(34).bytes();
    together.insert(together.end(), more.begin(), more.end());
  }
  EXPECT_EQ(together, inside);
}

TEST_F(Fragmentation, OnlyOptionsWithTheCopiedFlagGoOn) {
  // Router alert (copied), record route (not), no operation, end of list.
  const Bytes options = {0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0};
  const Bytes copied = {0x94, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0};
  const Ipv4 ip = Ipv4(kIpA, kSmallIp).Id(7);
  const Packet frame = FromA(Ipv4(ip).Options(options), 1200);
  const Bytes inside = frame.Skip(46).bytes();  // 1208 bytes: 968 and 240
  EXPECT_EQ(Arriving(frame),
            (std::vector<Packet>{
                ToSmall(Ipv4(ip).Options(options).MoreFragments(), Slice(inside, 0, 968)),
                ToSmall(Ipv4(ip).Options(copied).FragmentOffset(968), Slice(inside, 968, 240))}));
}

TEST_F(Fragmentation, FragmentsAreFragmentedAgain) {
  const Bytes inside = Payload(1200).Encode({});
  const auto fragment = [&](const Ipv4& ip) {
    return Ethernet(kGatewayMac, kMacA) / Ipv4(ip).Protocol(kIpProtocolUdp) / Raw(inside);
  };
  const Ipv4 middle = Ipv4(kIpA, kSmallIp).Id(9).MoreFragments();
  EXPECT_EQ(
      Arriving(fragment(Ipv4(middle).FragmentOffset(2400))),
      (std::vector<Packet>{ToSmall(Ipv4(middle).FragmentOffset(2400), Slice(inside, 0, 976)),
                           ToSmall(Ipv4(middle).FragmentOffset(3376), Slice(inside, 976, 224))}))
      << "from the middle: every piece has more to follow";
  const Ipv4 last = Ipv4(kIpA, kSmallIp).Id(9);
  EXPECT_EQ(Arriving(fragment(Ipv4(last).FragmentOffset(3600))),
            (std::vector<Packet>{
                ToSmall(Ipv4(last).FragmentOffset(3600).MoreFragments(), Slice(inside, 0, 976)),
                ToSmall(Ipv4(last).FragmentOffset(4576), Slice(inside, 976, 224))}))
      << "the last one: only its last piece is the last";
}

// What a guest leaves to the device must be in the bytes before they are cut.
TEST_F(Fragmentation, WantedChecksumIsFilledInFirst) {
  const Ipv4 ip = Ipv4(kIpA, kSmallIp).Id(3);
  const Packet open =
      Ethernet(kGatewayMac, kMacA) / ip / Udp(1000, 2000).PartialChecksum() / Payload(1400);
  const Offload offload = {
      .l3_bytes = 20, .l4_bytes = 8, .checksum_wanted = true, .l4_protocol = kIpProtocolUdp};
  const Bytes inside = FromA(ip, 1400).Skip(34).bytes();
  const std::vector<Packet> expected = {
      ToSmall(Ipv4(ip).MoreFragments(), Slice(inside, 0, 976)),
      ToSmall(Ipv4(ip).FragmentOffset(976), Slice(inside, 976, 432))};
  EXPECT_EQ(Arriving(Input(open, {.offload = offload})), expected);
  EXPECT_EQ(Arriving(Input(open, {.segments = {42, 333}, .offload = offload})), expected);
  Offload lying = offload;
  lying.l3_bytes = 24;
  Check({{"lengths that contradict the packet", kPodA, Input(open, {.offload = lying}),
          Drops(DropReason::kOffloadFailed)}});
}

TEST_F(Fragmentation, WhatCannotBeCutIsDropped) {
  const Ipv4Address narrow_ip = "10.244.1.51"_ip, nowhere_ip = "10.244.1.52"_ip;
  node.AddPod("narrow", kSmallMac, narrow_ip, {}, 68);  // RFC 791: the smallest that may be
  node.AddPod("nowhere", kSmallMac, nowhere_ip, {}, 27);
  const Outcome failed = Drops(DropReason::kFragmentationFailed);
  const Packet beyond = Ethernet(kGatewayMac, kMacA) /
                        Ipv4(kIpA, kSmallIp).FragmentOffset(65528).Protocol(kIpProtocolUdp) /
                        Payload(1200);
  Check({
      {"more pieces than there is room for", kPodA, FromA(Ipv4(kIpA, narrow_ip), 3000), failed},
      {"no room for a piece", kPodA, FromA(Ipv4(kIpA, nowhere_ip), 100), failed},
      {"past the end of what a packet can be (RFC 791: 65535 bytes)", kPodA, beyond, failed},
  });
}

}  // namespace
}  // namespace podwarp::test
