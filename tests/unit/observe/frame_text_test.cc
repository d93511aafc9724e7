#include "observe/frame_text.h"

#include <gtest/gtest.h>

#include "support/packet.h"

namespace podwarp::test {
namespace {

const MacAddress kA = "02:00:00:00:00:0a"_mac, kB = "02:00:00:00:00:0b"_mac;
const Ipv4Address kFrom = "10.244.1.10"_ip, kTo = "10.96.0.80"_ip;

std::string TextOf(const Packet& packet) {
  return FrameText(packet.bytes(), static_cast<uint32_t>(packet.size()));
}

TEST(FrameText, TellsTransportsByPortsAndFlags) {
  const Packet ip = Ethernet(kB, kA) / Ipv4(kFrom, kTo);
  EXPECT_EQ(TextOf(ip / Tcp(4000, 80, Tcp::kSyn)),
            "10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 54 bytes");
  EXPECT_EQ(TextOf(ip / Tcp(4000, 80, Tcp::kSyn | Tcp::kAck)),
            "10.244.1.10:4000 > 10.96.0.80:80 TCP SYN ACK, 54 bytes");
  EXPECT_EQ(TextOf(ip / Tcp(4000, 80, 0)),
            "10.244.1.10:4000 > 10.96.0.80:80 TCP without flags, 54 bytes");
  EXPECT_EQ(TextOf(ip / Udp(5353, 53) / Payload(10)),
            "10.244.1.10:5353 > 10.96.0.80:53 UDP, 52 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo).Protocol(47) / Payload(4)),
            "10.244.1.10 > 10.96.0.80 protocol 47, 38 bytes");
}

TEST(FrameText, TellsIcmpByItsType) {
  const auto text = [](const Icmp& icmp) {
    return TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo) / icmp);
  };
  const auto expected = [](const std::string& icmp) {
    return "10.244.1.10 > 10.96.0.80 ICMP " + icmp + ", 42 bytes";
  };
  EXPECT_EQ(text(Icmp::Echo(1, 7)), expected("echo request 7"));
  EXPECT_EQ(text(Icmp::EchoReply(1, 7)), expected("echo reply 7"));
  EXPECT_EQ(text(Icmp::TimeExceeded()), expected("time exceeded"));
  EXPECT_EQ(text(Icmp::Unreachable(kIcmpNetUnreachable)), expected("network unreachable"));
  EXPECT_EQ(text(Icmp::FragmentationNeeded(1400)), expected("fragmentation needed, MTU 1400"));
  EXPECT_EQ(text(Icmp(kIcmpUnreachable, 13)), expected("unreachable, code 13"));
  EXPECT_EQ(text(Icmp(42, 0)), expected("type 42"));
}

TEST(FrameText, TellsArpInItsOwnWords) {
  const Ethernet to_all(MacAddress::Broadcast(), kA);
  EXPECT_EQ(TextOf(to_all / Arp::Request(kA, kFrom, kTo)),
            "ARP who has 10.96.0.80, tell 10.244.1.10, 42 bytes");
  EXPECT_EQ(TextOf(to_all / Arp::Reply(kA, kFrom, kB, kTo)),
            "ARP 10.244.1.10 is at 02:00:00:00:00:0a, 42 bytes");
  EXPECT_EQ(TextOf(to_all / Arp::Probe(kA, kTo)),
            "ARP probe for 10.96.0.80, by 02:00:00:00:00:0a, 42 bytes");
  EXPECT_EQ(TextOf(to_all / Arp::Announcement(kA, kFrom)),
            "ARP announcement, 10.244.1.10 is at 02:00:00:00:00:0a, 42 bytes");
  EXPECT_EQ(TextOf(to_all / Arp::Rarp(kA)), "RARP, 02:00:00:00:00:0a is here, 42 bytes");
  EXPECT_EQ(TextOf(to_all / Arp::Request(kA, kFrom, kTo).Operation(9)),
            "ARP operation 9, 42 bytes");
}

TEST(FrameText, TellsFragmentsAndTags) {
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo).MoreFragments() / Udp(1, 2) / Payload(16)),
            "10.244.1.10:1 > 10.96.0.80:2 UDP, fragment at 0, 58 bytes");
  // It has no ports, whatever its first bytes look like.
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo).FragmentOffset(1480) / Udp(1, 2)),
            "10.244.1.10 > 10.96.0.80 UDP, fragment at 1480, 42 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Vlan(100) / Ipv4(kFrom, kTo) / Udp(1, 2)),
            "10.244.1.10:1 > 10.96.0.80:2 UDP, VLAN 100, 46 bytes");
}

TEST(FrameText, IsNeverAtALossForWhatCantBeRead) {
  EXPECT_EQ(TextOf(Packet(Bytes(6))), "no Ethernet frame, 6 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA).EtherType(0x88cc) / Payload(3)), "EtherType 0x88cc, 17 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA).EtherType(kEtherTypeIpv6) / Payload(3)), "IPv6, 17 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA).EtherType(kEtherTypeIpv4) / Payload(3)),
            "IPv4, cut short, 17 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo).Version(6) / Udp(1, 2)),
            "IPv4 by its EtherType, but version 6, 42 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo).HeaderWords(3) / Udp(1, 2)),
            "IPv4 with a header of 12 bytes, 42 bytes");
  EXPECT_EQ(TextOf((Ethernet(kB, kA) / Ipv4(kFrom, kTo) / Udp(1, 2)).Truncate(38)),
            "10.244.1.10 > 10.96.0.80 UDP, cut short, 38 bytes");
  // Bytes that only fill the frame up are no header.
  EXPECT_EQ(TextOf(Ethernet(kB, kA) / Ipv4(kFrom, kTo).TotalLength(24) / Udp(1, 2)),
            "10.244.1.10 > 10.96.0.80 UDP, cut short, 42 bytes");
  EXPECT_EQ(TextOf(Ethernet(kB, kA).EtherType(kEtherTypeArp) / Payload(9)),
            "ARP, cut short, 23 bytes");
}

// At any length, and with any bytes in it.
TEST(FrameText, ReadsNothingBeyondTheHeaders) {
  const Packet packet = Ethernet(kB, kA) / Vlan(7) / Ipv4(kFrom, kTo) / Tcp(1, 2) / Payload(8);
  for (size_t length = 0; length <= packet.size(); ++length) {
    for (size_t damaged = 0; damaged < length; ++damaged) {
      for (const uint8_t value : Bytes{0x00, 0x0f, 0x4f, 0xff}) {
        // On the heap, for whoever watches its ends.
        Bytes bytes(packet.bytes().begin(),
                    packet.bytes().begin() + static_cast<ptrdiff_t>(length));
        bytes[damaged] = value;
        EXPECT_NE(FrameText(bytes, 1500), "");
      }
    }
  }
}

}  // namespace
}  // namespace podwarp::test
