#include "control/arp_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/describe.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/memory_port.h"

namespace podwarp::test {
namespace {

const MacAddress kVirtualMac = "02:11:22:33:44:55"_mac;
const MacAddress kPeerMac = "02:00:00:00:00:07"_mac;
const Ipv4Address kOwn = "192.0.2.1"_ip;
const Ipv4Address kPeer = "192.0.2.7"_ip;

MemoryPort Uplink(uint16_t vlan_id = 0, Ipv4Address own = kOwn) {
  return MemoryPort({.name = "uplink0",
                     .role = PortRole::kUplink,
                     .router_mac = kVirtualMac,
                     .vlan_id = vlan_id,
                     .underlay_address = own});
}

Packet Taken(rte_mbuf* frame) {
  const MbufPtr owner(frame);
  return FromMbuf(frame);
}

Bytes Hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i++, 2)), nullptr, 16)));
  }
  return bytes;
}

// Written out once, against the frame vocabulary and the code making the same mistake.
TEST(ArpFrames, ARequestByteForByte) {
  Bytes expected =
      Hex("ff ff ff ff ff ff 02 11 22 33 44 55 08 06 00 01 08 00 06 04 00 01"
          "02 11 22 33 44 55 c0 00 02 01 00 00 00 00 00 00 c0 00 02 07");
  expected.resize(60);
  EXPECT_EQ(Taken(MakeArpRequest(Uplink(), kPeer, std::nullopt, TestPool())).bytes(), expected);
}

TEST(ArpFrames, ARequestToEverybody) {
  EXPECT_THAT(Taken(MakeArpRequest(Uplink(), kPeer, std::nullopt, TestPool())),
              EqualsFrame((Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                           Arp::Request(kVirtualMac, kOwn, kPeer))
                              .PadTo(60)));
}

TEST(ArpFrames, ARequestToAKnownNeighbor) {
  EXPECT_THAT(
      Taken(MakeArpRequest(Uplink(), kPeer, kPeerMac, TestPool())),
      EqualsFrame(
          (Ethernet(kPeerMac, kVirtualMac) / Arp::Request(kVirtualMac, kOwn, kPeer)).PadTo(60)));
}

TEST(ArpFrames, WithoutAnAddressOfItsOwnARequestIsAProbe) {
  EXPECT_THAT(
      Taken(MakeArpRequest(Uplink(0, Ipv4Address()), kPeer, std::nullopt, TestPool())),
      EqualsFrame((Ethernet(MacAddress::Broadcast(), kVirtualMac) / Arp::Probe(kVirtualMac, kPeer))
                      .PadTo(60)));
}

TEST(ArpFrames, AnAnnouncementInBothForms) {
  const Ipv4Address pod = "10.244.1.10"_ip;
  const Ethernet ethernet(MacAddress::Broadcast(), kVirtualMac);
  EXPECT_THAT(Taken(MakeArpAnnouncement(Uplink(), pod, /*as_reply=*/false, TestPool())),
              EqualsFrame((ethernet / Arp::Announcement(kVirtualMac, pod)).PadTo(60)));
  EXPECT_THAT(
      Taken(MakeArpAnnouncement(Uplink(), pod, /*as_reply=*/true, TestPool())),
      EqualsFrame(
          (ethernet / Arp::Reply(kVirtualMac, pod, MacAddress::Broadcast(), pod)).PadTo(60)));
}

TEST(ArpFrames, AKeepAliveGoesFromTheVirtualMacToItself) {
  EXPECT_THAT(Taken(MakeKeepAlive(Uplink(), TestPool())),
              EqualsFrame((Ethernet(kVirtualMac, kVirtualMac) / Raw({})).PadTo(60)));
}

TEST(ArpFrames, AllCarryThePortsVlan) {
  const MemoryPort uplink = Uplink(100);
  const auto vlan_of = [](rte_mbuf* frame) {
    const MbufPtr owner(frame);
    EXPECT_EQ(rte_pktmbuf_pkt_len(frame), 60u);  // the tag comes on top
    EXPECT_NE(frame->ol_flags & RTE_MBUF_F_TX_VLAN, 0u);
    return frame->vlan_tci;
  };
  EXPECT_EQ(vlan_of(MakeArpRequest(uplink, kPeer, std::nullopt, TestPool())), 100);
  EXPECT_EQ(vlan_of(MakeArpAnnouncement(uplink, kOwn, false, TestPool())), 100);
  EXPECT_EQ(vlan_of(MakeArpAnnouncement(uplink, kOwn, true, TestPool())), 100);
  EXPECT_EQ(vlan_of(MakeKeepAlive(uplink, TestPool())), 100);
  const Packet untagged =
      (Ethernet(MacAddress::Broadcast(), kVirtualMac) / Arp::Request(kVirtualMac, kOwn, kPeer))
          .PadTo(60);
  EXPECT_THAT(Taken(MakeArpRequest(uplink, kPeer, std::nullopt, TestPool())),
              EqualsFrame(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                          Vlan(100).EtherType(kEtherTypeArp) / untagged.Skip(14)));
}

TEST(ArpFrames, NoneIsMadeOfAnEmptyPool) {
  const MemoryPort uplink = Uplink();
  std::vector<MbufPtr> all;
  while (rte_mbuf* frame = rte_pktmbuf_alloc(TestPool())) all.emplace_back(frame);
  EXPECT_EQ(MakeArpRequest(uplink, kPeer, std::nullopt, TestPool()), nullptr);
  EXPECT_EQ(MakeArpAnnouncement(uplink, kOwn, false, TestPool()), nullptr);
  EXPECT_EQ(MakeKeepAlive(uplink, TestPool()), nullptr);
}

}  // namespace
}  // namespace podwarp::test
