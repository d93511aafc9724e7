#include "support/describe.h"

#include <string>

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const MacAddress kMacA = "02:00:00:00:00:0a"_mac;
const MacAddress kGateway = "02:00:00:00:00:01"_mac;
const Ipv4Address kIpA = "10.0.0.1"_ip;
const Ipv4Address kIpB = "10.0.0.2"_ip;
const Packet kIp = Ethernet(kGateway, kMacA) / Ipv4(kIpA, kIpB);

std::vector<std::string> Lines(const Packet& packet) {
  std::vector<std::string> lines;
  for (const FrameLine& line : FrameLines(packet.bytes())) lines.push_back(line.text);
  return lines;
}

TEST(Describe, Arp) {
  EXPECT_THAT(
      Lines((Ethernet(MacAddress::Broadcast(), kMacA) / Vlan(7) / Arp::Request(kMacA, kIpA, kIpB))
                .PadTo(60)),
      ElementsAre(
          "eth 02:00:00:00:00:0a > ff:ff:ff:ff:ff:ff type 0x8100", "vlan 7 priority 0 type 0x0806",
          "arp request who-has 10.0.0.2 (00:00:00:00:00:00) tell 10.0.0.1 (02:00:00:00:00:0a)",
          "pad 14"));
}

TEST(Describe, Checksums) {
  EXPECT_THAT(Describe(kIp / Udp(1, 2) / Payload(3)), HasSubstr("udp 1 > 2 length 11 checksum 0x"));
  const auto udp = [](const Udp& header) { return Lines(kIp / header / Payload(3))[2]; };
  EXPECT_THAT(udp(Udp(1, 2)), HasSubstr("right"));
  EXPECT_THAT(udp(Udp(1, 2).Checksum(1)), HasSubstr("checksum 0x0001 wrong, right is 0x"));
  EXPECT_THAT(udp(Udp(1, 2).Checksum(0)), HasSubstr("none"));
  EXPECT_THAT(udp(Udp(1, 2).PartialChecksum()), HasSubstr("partial"));
  EXPECT_THAT(Lines(Ethernet(kGateway, kMacA) / Ipv4(kIpA, kIpB).MoreFragments() / Udp(1, 2))[2],
              HasSubstr("unverifiable"));
  EXPECT_THAT(Lines(kIp / Icmp::Echo(1, 2) / Payload(5))[2], HasSubstr("right"));
  EXPECT_THAT(Lines(kIp / Tcp(1, 2) / Payload(5))[2], HasSubstr("right"));
  EXPECT_THAT(Lines(kIp / Tcp(1, 2).Checksum(0))[2], HasSubstr("checksum 0x0000 wrong"));
}

TEST(Describe, IcmpErrorShowsTheInnerPacket) {
  const Packet inner = Ipv4(kIpB, kIpA) / Udp(3, 4) / Payload(50);
  EXPECT_THAT(Lines(kIp / Icmp::TimeExceeded() / inner.Truncate(28)),
              ElementsAre(HasSubstr("eth"), HasSubstr("ipv4"), HasSubstr("icmp time-exceeded"),
                          testing::AllOf(HasSubstr("inner ipv4 10.0.0.2 > 10.0.0.1"),
                                         HasSubstr("length 78 of which 28 are there")),
                          testing::AllOf(HasSubstr("inner udp 3 > 4"), HasSubstr("unverifiable"))));
}

// No text of any damaged frame reads past its end (the sanitizers look on).
TEST(Describe, AnyDamageIsDescribed) {
  const Packet frames[] = {
      kIp / Udp(1, 2) / Payload(4),
      kIp / Tcp(1, 2).Options({1, 1, 1, 1}),
      Ethernet(kGateway, kMacA) / Vlan(3) / Arp::Reply(kMacA, kIpA, kGateway, kIpB),
      kIp / Icmp::TimeExceeded() / Ipv4(kIpB, kIpA).Options({1}) / Tcp(3, 4),
  };
  for (const Packet& frame : frames) {
    for (size_t size = 0; size <= frame.size(); ++size)
      EXPECT_FALSE(Describe(Packet(Bytes(frame.Truncate(size).bytes()))).empty());
    for (size_t at = 0; at < frame.size(); ++at)
      for (const int value : {0, 1, 0x0f, 0x7f, 0xff})
        EXPECT_FALSE(Describe(frame.With(at, {static_cast<uint8_t>(value)})).empty());
  }
}

TEST(EqualsFrame, ShowsWhereTheDifferenceIs) {
  const Packet expected = kIp / Udp(1, 2) / Payload(4);
  const Packet actual = expected.With(22, {63});
  testing::StringMatchResultListener listener;
  EXPECT_TRUE(testing::ExplainMatchResult(EqualsFrame(expected), expected, &listener));
  EXPECT_FALSE(testing::ExplainMatchResult(EqualsFrame(expected), actual, &listener));
  EXPECT_THAT(listener.str(), HasSubstr("at byte 22 (0x3f, not 0x40), byte 8 of: ipv4 10.0.0.1"));

  testing::StringMatchResultListener length;
  EXPECT_FALSE(testing::ExplainMatchResult(EqualsFrame(expected), expected.PadTo(60), &length));
  EXPECT_EQ(length.str(), "the first 46 bytes are equal, but it has 60 bytes instead of 46");
}

}  // namespace
}  // namespace podwarp::test
