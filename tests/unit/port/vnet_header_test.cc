#include "port/vnet_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

const MacAddress kMacA = "02:00:00:00:00:0a"_mac;
const MacAddress kMacB = "02:00:00:00:00:0b"_mac;
const Ipv4Address kIpA = "10.244.1.10"_ip;
const Ipv4Address kIpB = "10.244.2.20"_ip;

Packet TcpFrame(size_t payload) {
  return Ethernet(kMacB, kMacA) / Ipv4(kIpA, kIpB) / Tcp(1000, 80).PartialChecksum() /
         Payload(payload);
}
Packet UdpFrame(size_t payload) {
  return Ethernet(kMacB, kMacA) / Ipv4(kIpA, kIpB) / Udp(1000, 53).PartialChecksum() /
         Payload(payload);
}

// What the kernel puts before an IPv4 frame without options or tag.
VnetHeader Header(uint8_t gso_type, uint16_t segment_bytes, uint16_t checksum_offset) {
  return {.flags = kVnetNeedsChecksum,
          .gso_type = gso_type,
          .header_bytes = 0,
          .segment_bytes = segment_bytes,
          .checksum_start = 34,
          .checksum_offset = checksum_offset,
          .buffers = 0};
}
const VnetHeader kTcpChecksum = Header(kVnetGsoNone, 0, 16);
const VnetHeader kTcpSegments = Header(kVnetGsoTcp4, 1460, 16);
const VnetHeader kUdpChecksum = Header(kVnetGsoNone, 0, 6);

MATCHER_P5(IsOffload, segment, l3, l4, wanted, protocol, "") {
  return arg->segment_bytes == segment && arg->l3_bytes == l3 && arg->l4_bytes == l4 &&
         arg->checksum_wanted == wanted && arg->trusted && arg->l4_protocol == protocol;
}

TEST(ApplyVnetHeader, AnOrdinaryFrameGetsNoOffload) {
  const MbufPtr frame(ToMbuf(TcpFrame(100)));
  EXPECT_TRUE(ApplyVnetHeader(VnetHeader{}, frame.get()));
  EXPECT_FALSE(HasOffload(frame.get()));
}

TEST(ApplyVnetHeader, WantedChecksum) {
  const MbufPtr tcp(ToMbuf(TcpFrame(100)));
  ASSERT_TRUE(ApplyVnetHeader(kTcpChecksum, tcp.get()));
  ASSERT_TRUE(HasOffload(tcp.get()));
  EXPECT_THAT(OffloadOf(tcp.get()), IsOffload(0, 20, 20, true, kIpProtocolTcp));
  EXPECT_EQ(FromMbuf(tcp.get()), TcpFrame(100));

  const MbufPtr udp(ToMbuf(UdpFrame(1)));
  ASSERT_TRUE(ApplyVnetHeader(kUdpChecksum, udp.get()));
  ASSERT_TRUE(HasOffload(udp.get()));
  EXPECT_THAT(OffloadOf(udp.get()), IsOffload(0, 20, 8, true, kIpProtocolUdp));
}

TEST(ApplyVnetHeader, LengthsComeFromTheFrame) {
  const Packet packet = Ethernet(kMacB, kMacA) / Vlan(7) / Ipv4(kIpA, kIpB).Options({1, 1, 1, 1}) /
                        Tcp(1000, 80).Options({1, 1, 1, 1, 1, 1, 1, 1}).PartialChecksum() /
                        Payload(5000);
  const MbufPtr frame(ToMbuf(packet));
  VnetHeader header = kTcpSegments;
  header.header_bytes = 0xffff;  // of no consequence
  header.checksum_start = 14 + 4 + 24;
  ASSERT_TRUE(ApplyVnetHeader(header, frame.get()));
  EXPECT_THAT(OffloadOf(frame.get()), IsOffload(1460, 24, 28, true, kIpProtocolTcp));
}

TEST(ApplyVnetHeader, Segments) {
  const MbufPtr tcp(ToMbuf(TcpFrame(60'000)));
  ASSERT_TRUE(ApplyVnetHeader(kTcpSegments, tcp.get()));
  EXPECT_THAT(OffloadOf(tcp.get()), IsOffload(1460, 20, 20, true, kIpProtocolTcp));

  const MbufPtr udp(ToMbuf(UdpFrame(10'000)));
  ASSERT_TRUE(ApplyVnetHeader(Header(kVnetGsoUdp, 1000, 6), udp.get()));
  EXPECT_THAT(OffloadOf(udp.get()), IsOffload(1000, 20, 8, true, kIpProtocolUdp));
  EXPECT_TRUE(OffloadOf(udp.get())->udp_datagrams);
  EXPECT_EQ(MakeVnetHeader(udp.get()).gso_type, kVnetGsoUdp);
}

TEST(ApplyVnetHeader, Fragments) {
  const MbufPtr frame(ToMbuf(UdpFrame(10'000)));
  ASSERT_TRUE(ApplyVnetHeader(Header(kVnetGsoUfo, 1480, 6), frame.get()));
  EXPECT_THAT(OffloadOf(frame.get()), IsOffload(1480, 20, 8, true, kIpProtocolUdp));
  EXPECT_FALSE(OffloadOf(frame.get())->udp_datagrams);
  EXPECT_EQ(MakeVnetHeader(frame.get()).gso_type, kVnetGsoUfo);
}

TEST(ApplyVnetHeader, Ipv6) {
  Bytes ip(40, 0);
  ip[0] = 0x60;
  ip[6] = kIpProtocolTcp;
  Bytes tcp(20, 0);
  tcp[12] = 0x50;
  const Packet packet =
      Ethernet(kMacB, kMacA).EtherType(kEtherTypeIpv6) / Raw(ip) / Raw(tcp) / Payload(3000);
  VnetHeader header = kTcpSegments;
  header.gso_type = kVnetGsoTcp6;
  header.checksum_start = 54;
  const MbufPtr frame(ToMbuf(packet));
  ASSERT_TRUE(ApplyVnetHeader(header, frame.get()));
  EXPECT_THAT(OffloadOf(frame.get()), IsOffload(1460, 40, 20, true, kIpProtocolTcp));
  EXPECT_EQ(MakeVnetHeader(frame.get()).gso_type, kVnetGsoTcp6);
  EXPECT_EQ(MakeVnetHeader(frame.get()).checksum_start, 54);
}

TEST(ApplyVnetHeader, ValidDataIsTrusted) {
  const Packet packet = Ethernet(kMacB, kMacA) / Ipv4(kIpA, kIpB) / Tcp(1, 2) / Payload(9);
  const MbufPtr frame(ToMbuf(packet));
  ASSERT_TRUE(ApplyVnetHeader(VnetHeader{.flags = kVnetDataValid}, frame.get()));
  ASSERT_TRUE(HasOffload(frame.get()));
  EXPECT_THAT(OffloadOf(frame.get()), IsOffload(0, 20, 20, false, kIpProtocolTcp));

  const MbufPtr arp(ToMbuf(Ethernet(kMacB, kMacA) / Arp::Request(kMacA, kIpA, kIpB)));
  EXPECT_TRUE(ApplyVnetHeader(VnetHeader{.flags = kVnetDataValid}, arp.get()));
  EXPECT_FALSE(HasOffload(arp.get()));
}

// The kernel wants a sum that no Offload can say: in a tunnel, of another protocol, of a fragment.
TEST(ApplyVnetHeader, FillsInAChecksumAtAnUnusualPlace) {
  const Packet inner = Ipv4(kIpA, kIpB) / Udp(7, 8).PartialChecksum() / Payload(3001);
  const Packet right = Ipv4(kIpA, kIpB) / Udp(7, 8) / Payload(3001);
  const auto around = [](const Packet& inside) {
    return Ethernet(kMacB, kMacA) / Ipv4("192.0.2.1"_ip, "192.0.2.2"_ip) / inside;
  };
  VnetHeader header = kUdpChecksum;
  header.checksum_start = 34 + 20;
  // The last segment starts at an odd byte.
  const MbufPtr frame(ToMbuf(around(inner), {.segments = {101, 1000}}));
  ASSERT_TRUE(ApplyVnetHeader(header, frame.get()));
  EXPECT_FALSE(HasOffload(frame.get()));
  EXPECT_EQ(FromMbuf(frame.get()), around(right));
}

TEST(ApplyVnetHeader, RefusesWhatCannotBeDone) {
  const auto refuses = [](const VnetHeader& header, const Packet& packet) {
    const MbufPtr frame(ToMbuf(packet));
    return !ApplyVnetHeader(header, frame.get());
  };
  VnetHeader header = kTcpChecksum;
  header.checksum_start = 149;  // the field would end past the frame
  EXPECT_TRUE(refuses(header, TcpFrame(100)));
  header.checksum_start = 0xffff;
  header.checksum_offset = 0xffff;
  EXPECT_TRUE(refuses(header, TcpFrame(100)));

  header = kTcpSegments;
  header.segment_bytes = 0;
  EXPECT_TRUE(refuses(header, TcpFrame(5000)));
  header = kTcpSegments;
  header.flags = 0;  // segments without checksums
  EXPECT_TRUE(refuses(header, TcpFrame(5000)));
  header = kTcpSegments;
  header.checksum_start = 35;
  EXPECT_TRUE(refuses(header, TcpFrame(5000)));
  EXPECT_TRUE(refuses(Header(kVnetGsoTcp6, 1460, 16), TcpFrame(5000)));
  EXPECT_TRUE(refuses(Header(kVnetGsoUfo, 1460, 16), TcpFrame(5000)));
  EXPECT_TRUE(refuses(Header(kVnetGsoUdp, 1460, 16), TcpFrame(5000)));
}

// Cut anywhere, with headers that lie: sanitizers see a read past the first segment.
TEST(ApplyVnetHeader, StaysWithinTheFrame) {
  const Packet whole = Ethernet(kMacB, kMacA) / Vlan(7) / Ipv4(kIpA, kIpB).HeaderWords(15) /
                       Tcp(1000, 80).DataOffset(15).PartialChecksum() / Payload(80);
  for (size_t bytes = 1; bytes <= whole.size(); ++bytes) {
    for (const uint8_t gso_type : {kVnetGsoNone, kVnetGsoTcp4, kVnetGsoUdp}) {
      const MbufPtr frame(ToMbuf(whole.Truncate(bytes)));
      ApplyVnetHeader(Header(gso_type, 100, 16), frame.get());
      if (!HasOffload(frame.get())) continue;
      const Offload& offload = *OffloadOf(frame.get());
      EXPECT_LE(18u + offload.l3_bytes + offload.l4_bytes, bytes);
    }
  }
}

TEST(MakeVnetHeader, AFinishedFrameHasNothingToSay) {
  const MbufPtr frame(ToMbuf(TcpFrame(10)));
  const VnetHeader header = MakeVnetHeader(frame.get());
  EXPECT_EQ(header.flags, 0);
  EXPECT_EQ(header.gso_type, kVnetGsoNone);
}

TEST(MakeVnetHeader, SaysWhatWasRead) {
  const MbufPtr frame(ToMbuf(TcpFrame(60'000)));
  ASSERT_TRUE(ApplyVnetHeader(kTcpSegments, frame.get()));
  const VnetHeader header = MakeVnetHeader(frame.get());
  EXPECT_EQ(header.flags, kVnetNeedsChecksum);
  EXPECT_EQ(header.gso_type, kVnetGsoTcp4);
  EXPECT_EQ(header.header_bytes, 54);
  EXPECT_EQ(header.segment_bytes, 1460);
  EXPECT_EQ(header.checksum_start, 34);
  EXPECT_EQ(header.checksum_offset, 16);
}

TEST(MakeVnetHeader, MarksTheFrameThatCarriesCwr) {
  const Packet packet = Ethernet(kMacB, kMacA) / Ipv4(kIpA, kIpB) /
                        Tcp(1000, 80, Tcp::kAck | Tcp::kCwr).PartialChecksum() / Payload(5000);
  const MbufPtr frame(ToMbuf(packet));
  ASSERT_TRUE(ApplyVnetHeader(kTcpSegments, frame.get()));
  EXPECT_EQ(MakeVnetHeader(frame.get()).gso_type, kVnetGsoTcp4 | kVnetGsoEcn);
}

TEST(MakeVnetHeader, PassesTrustOn) {
  const MbufPtr frame(ToMbuf(TcpFrame(10)));
  SetOffload(frame.get(), Offload{.l3_bytes = 20, .l4_bytes = 20, .trusted = true});
  EXPECT_EQ(MakeVnetHeader(frame.get()).flags, kVnetDataValid);
}

}  // namespace
}  // namespace podwarp::test
