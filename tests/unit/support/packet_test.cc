#include "support/packet.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "podwarp/net/checksum.h"
#include "support/describe.h"
#include "support/eal.h"
#include "support/mbuf.h"

namespace podwarp::test {
namespace {

const MacAddress kMacA = "02:00:00:00:00:0a"_mac;
const MacAddress kGateway = "02:00:00:00:00:01"_mac;
const Ipv4Address kIpA = "10.244.1.10"_ip;
const Ipv4Address kIpB = "10.244.2.10"_ip;
const Ethernet kToGateway(kGateway, kMacA);

Packet Golden(const std::string& hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  return Packet(Bytes(bytes.begin(), bytes.end()));
}

// The bytes on the right are Scapy 2.5's.
TEST(Packet, AgreesWithScapy) {
  EXPECT_THAT(Ethernet(MacAddress::Broadcast(), kMacA) / Vlan(100).Priority(3) /
                  Arp::Request(kMacA, kIpA, kIpB),
              EqualsFrame(Golden("ffffffffffff02000000000a81006064080600010800060400010200000000"
                                 "0a0af4010a0000000000000af4020a")));
  EXPECT_THAT(
      kToGateway / Ipv4(kIpA, kIpB).Ttl(2).DontFragment().Id(0x1234).Tos(0x10) / Udp(1000, 2000) /
          Payload(11),
      EqualsFrame(Golden("02000000000102000000000a0800451000271234400002114d870af4010a0af4020a"
                         "03e807d00013bcfb000102030405060708090a")));
  EXPECT_THAT(
      kToGateway / Ipv4(kIpA, kIpB).Options({0x94, 0x04, 0x00, 0x00}) /
          Tcp(40000, 80, Tcp::kSyn | Tcp::kAck)
              .Sequence(0x01020304)
              .Acknowledgement(0xfffefdfc)
              .Window(512)
              .Options({2, 4, 0x05, 0xb4, 1, 3, 3, 7}) /
          Payload("hello"),
      EqualsFrame(Golden("02000000000102000000000a080046000039000000004006ccbf0af4010a0af4020a"
                         "940400009c40005001020304fffefdfc7012020086a30000020405b4010303076865"
                         "6c6c6f")));
  EXPECT_THAT(
      kToGateway / Ipv4(kIpA, kIpB) / Icmp::Echo(7, 9) / Payload(9),
      EqualsFrame(Golden("02000000000102000000000a08004500002500000000400161dd0af4010a0af4020a"
                         "0800e3df00070009000102030405060708")));
  EXPECT_THAT(
      kToGateway / Ipv4(kIpA, kIpB).Id(77).FragmentOffset(1480).Protocol(17) / Payload(5),
      EqualsFrame(Golden("02000000000102000000000a080045000019004d00b9401160d30af4010a0af4020a"
                         "0001020304")));
}

TEST(Packet, IcmpErrorQuotesTheInnerPacket) {
  const Packet inner = Ipv4(kIpA, kIpB) / Udp(1000, 2000) / Payload(100);
  const Packet golden = Golden(
      "02000000000a020000000001080045000038000000004001c3c8a9fe01010af4010a0304acca0000"
      "05784500008000000000401161720af4010a0af4020a03e807d0006c3e95");
  const Packet outer = Ethernet(kMacA, kGateway) / Ipv4("169.254.1.1"_ip, kIpA);
  EXPECT_THAT(outer / Icmp::FragmentationNeeded(1400) / inner.Truncate(28), EqualsFrame(golden));
  EXPECT_THAT(outer / Icmp::FragmentationNeeded(1400) / (kToGateway / inner).Skip(14).Truncate(28),
              EqualsFrame(golden));
}

TEST(Packet, UdpSumOfZeroIsSentAsAllOnes) {
  EXPECT_THAT(
      kToGateway / Ipv4(kIpA, kIpB) / Udp(1000, 2000) / Raw({0xdb, 0x26}),
      EqualsFrame(Golden("02000000000102000000000a08004500001e00000000401161d40af4010a0af4020a"
                         "03e807d0000affffdb26")));
}

// The rest of the sum added to a partial checksum gives the finished one.
TEST(Packet, PartialChecksumIsThePseudoHeadersSum) {
  const auto ip = Ethernet(kGateway, kMacA) / Ipv4(kIpA, kIpB);
  const auto finish = [](const Packet& frame, size_t field) {
    const Be16 sum = InternetChecksum(&frame.bytes()[34], frame.size() - 34);
    const auto low = static_cast<uint8_t>(sum.host()), high = static_cast<uint8_t>(sum.host() >> 8);
    return frame.With(34 + field, {high, low});
  };
  EXPECT_THAT(finish(ip / Udp(1, 2).PartialChecksum() / Payload(77), 6),
              EqualsFrame(ip / Udp(1, 2) / Payload(77)));
  EXPECT_THAT(finish(ip / Tcp(1, 2).PartialChecksum() / Payload(1448), 16),
              EqualsFrame(ip / Tcp(1, 2) / Payload(1448)));
}

TEST(Packet, WhatIsSetStands) {
  const Bytes ip =
      (Ipv4(kIpA, kIpB).Version(6).HeaderWords(4).TotalLength(9999).Protocol(99).Checksum(0xdead) /
       Udp(1, 2).Length(7).Checksum(0xbeef))
          .bytes();
  EXPECT_EQ(ip[0], 0x64);
  EXPECT_EQ(ip[2] << 8 | ip[3], 9999);
  EXPECT_EQ(ip[9], 99);
  EXPECT_EQ(ip[10] << 8 | ip[11], 0xdead);
  EXPECT_EQ(ip[24] << 8 | ip[25], 7);
  EXPECT_EQ(ip[26] << 8 | ip[27], 0xbeef);

  const Bytes vlan = (Ethernet(kGateway, kMacA).EtherType(0x9100) / Vlan(5).EtherType(0x1234) /
                      Arp::Reply(kMacA, kIpA, kGateway, kIpB).HardwareType(6))
                         .bytes();
  EXPECT_EQ(vlan[12] << 8 | vlan[13], 0x9100);
  EXPECT_EQ(vlan[16] << 8 | vlan[17], 0x1234);
  EXPECT_EQ(vlan[18] << 8 | vlan[19], 6);
}

TEST(Packet, PadTruncateSkipWith) {
  const Packet arp = kToGateway / Arp::Rarp(kMacA);
  EXPECT_EQ(arp.size(), 42u);
  EXPECT_EQ(arp.PadTo(60).size(), 60u);
  EXPECT_EQ(arp.PadTo(60).Truncate(42), arp);
  EXPECT_EQ(arp.PadTo(41), arp);
  EXPECT_EQ(arp.Truncate(100), arp);
  EXPECT_EQ(arp.Skip(100).size(), 0u);
  EXPECT_EQ(arp.With(41, {1}).bytes().back(), 1);
  EXPECT_EQ(arp.bytes()[12] << 8 | arp.bytes()[13], kEtherTypeRarp);
  // Made plain bytes, a packet keeps its name.
  EXPECT_EQ(kToGateway / Packet(Arp::Rarp(kMacA)).Truncate(20), arp.Truncate(34));
}

TEST(Mbuf, AnySegmentsHoldTheSameFrame) {
  const Packet frame = kToGateway / Ipv4(kIpA, kIpB) / Udp(1, 2) / Payload(9000);
  const unsigned before = BuffersInUse();
  const auto segments = [&](std::vector<uint16_t> sizes) {
    const MbufPtr mbuf(ToMbuf(frame, {.segments = std::move(sizes)}));
    EXPECT_EQ(mbuf->pkt_len, frame.size());
    EXPECT_THAT(FromMbuf(mbuf.get()), EqualsFrame(frame));
    return mbuf->nb_segs;
  };
  EXPECT_EQ(segments({}), 5);  // of up to 2048 bytes
  EXPECT_EQ(segments({14, 0, 20}), 3 + 5);
  EXPECT_EQ(segments({1, 1, 1, 1}), 4 + 5);
  EXPECT_EQ(BuffersInUse(), before);
}

TEST(Mbuf, EmptyFrameIsOneEmptySegment) {
  const MbufPtr mbuf(ToMbuf(Packet()));
  EXPECT_EQ(mbuf->nb_segs, 1);
  EXPECT_EQ(FromMbuf(mbuf.get()), Packet());
}

TEST(Mbuf, StrippedTagStandsInMetadata) {
  const Packet tagged = kToGateway / Vlan(100).Priority(3) / Arp::Request(kMacA, kIpA, kIpB);
  const Packet plain = kToGateway / Arp::Request(kMacA, kIpA, kIpB);
  const MbufPtr mbuf(ToMbuf(tagged, {.strip_vlan = true}));
  EXPECT_EQ(mbuf->vlan_tci, 3 << 13 | 100);
  EXPECT_EQ(mbuf->ol_flags, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
  EXPECT_THAT(FromMbuf(mbuf.get()), EqualsFrame(plain));

  mbuf->ol_flags = RTE_MBUF_F_TX_VLAN;
  EXPECT_THAT(FromMbuf(mbuf.get()), EqualsFrame(tagged));

  const MbufPtr untagged(ToMbuf(plain, {.strip_vlan = true}));
  EXPECT_EQ(untagged->ol_flags, 0u);
}

TEST(Mbuf, CarriesItsOffload) {
  const Offload offload = {.segment_bytes = 1448, .l3_bytes = 20, .l4_bytes = 20};
  const MbufPtr with(ToMbuf(kToGateway / Payload(100), {.offload = offload}));
  ASSERT_TRUE(HasOffload(with.get()));
  EXPECT_EQ(OffloadOf(with.get())->segment_bytes, 1448);
  EXPECT_FALSE(HasOffload(MbufPtr(ToMbuf(kToGateway)).get()));
}

}  // namespace
}  // namespace podwarp::test
