#include "port/ethdev_offload.h"

#include <gtest/gtest.h>
#include <rte_ip.h>

#include <cstring>

#include "podwarp/net/headers.h"
#include "podwarp/port/offload.h"
#include "support/eal.h"

namespace podwarp {
namespace {

constexpr uint16_t kPayloadBytes = 600;

// One TCP or UDP frame, its checksum field left at 0x1234.
class EthdevOffloadTest : public testing::Test {
 protected:
  void SetUp() override { frame_ = rte_pktmbuf_alloc(test::TestPool()); }
  void TearDown() override { rte_pktmbuf_free(frame_); }

  void Make(uint8_t protocol, bool tagged = false) {
    l3_ = tagged ? 18 : 14;
    const bool tcp = protocol == kIpProtocolTcp;
    const auto bytes = static_cast<uint16_t>(l3_ + 20 + (tcp ? 20 : 8) + kPayloadBytes);
    std::memset(rte_pktmbuf_append(frame_, bytes), 0, bytes);
    auto* ethernet = rte_pktmbuf_mtod(frame_, EthernetHeader*);
    ethernet->ether_type = Be16(tagged ? kEtherTypeVlan : kEtherTypeIpv4);
    Ip()->version_and_length = 0x45;
    Ip()->total_length = Be16(static_cast<uint16_t>(bytes - l3_));
    Ip()->protocol = protocol;
    Ip()->checksum = Be16(0x5678);
    Ip()->source = Ipv4Address(0x0af4010a);
    Ip()->destination = Ipv4Address(0x0af4020a);
    if (tcp) {
      Tcp()->data_offset = 0x50;
      Tcp()->checksum = Be16(0x1234);
    } else {
      Udp()->checksum = Be16(0x1234);
    }
  }

  void Want(uint8_t protocol, uint16_t segment_bytes) {
    Offload offload = {};
    offload.segment_bytes = segment_bytes;
    offload.l3_bytes = 20;
    offload.l4_bytes = protocol == kIpProtocolTcp ? 20 : 8;
    offload.checksum_wanted = true;
    offload.l4_protocol = protocol;
    SetOffload(frame_, offload);
  }

  Ipv4Header* Ip() { return rte_pktmbuf_mtod_offset(frame_, Ipv4Header*, l3_); }
  TcpHeader* Tcp() { return reinterpret_cast<TcpHeader*>(Ip() + 1); }
  UdpHeader* Udp() { return reinterpret_cast<UdpHeader*>(Ip() + 1); }
  uint64_t TransmitFlags() const { return frame_->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK; }

  rte_mbuf* frame_ = nullptr;
  uint16_t l3_ = 14;
};

TEST_F(EthdevOffloadTest, AnOpenChecksumStaysAsItIs) {
  for (const uint8_t protocol : {kIpProtocolTcp, kIpProtocolUdp}) {
    rte_pktmbuf_reset(frame_);
    Make(protocol);
    Want(protocol, 0);
    ToDeviceOffload(frame_);
    const bool tcp = protocol == kIpProtocolTcp;
    EXPECT_EQ(TransmitFlags(),
              RTE_MBUF_F_TX_IPV4 | (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM));
    EXPECT_EQ(frame_->l2_len, 14);
    EXPECT_EQ(frame_->l3_len, 20);
    EXPECT_EQ(frame_->l4_len, tcp ? 20 : 8);
    EXPECT_EQ((tcp ? Tcp()->checksum : Udp()->checksum).host(), 0x1234);
    EXPECT_EQ(Ip()->checksum.host(), 0x5678);
  }
}

TEST_F(EthdevOffloadTest, SegmentsHaveAPseudoHeaderWithoutLength) {
  for (const bool tagged : {false, true}) {
    rte_pktmbuf_reset(frame_);
    Make(kIpProtocolTcp, tagged);
    Want(kIpProtocolTcp, 200);
    for (int i = 0; i < 2; ++i) {  // again, as when the device was full
      ToDeviceOffload(frame_);
      EXPECT_EQ(TransmitFlags() & RTE_MBUF_F_TX_TCP_SEG, RTE_MBUF_F_TX_TCP_SEG);
      EXPECT_EQ(TransmitFlags() & RTE_MBUF_F_TX_IP_CKSUM, RTE_MBUF_F_TX_IP_CKSUM);
      EXPECT_EQ(frame_->tso_segsz, 200);
      EXPECT_EQ(frame_->l2_len, tagged ? 18 : 14);
      EXPECT_EQ(Ip()->checksum.host(), 0);
      // 0af4 + 010a + 0af4 + 020a + 0006
      EXPECT_EQ(Tcp()->checksum.host(), 0x1902);
    }
  }
}

TEST_F(EthdevOffloadTest, AVirtioPeersOpenChecksumBecomesAnOffload) {
  Make(kIpProtocolUdp);
  frame_->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  FromDeviceOffload(frame_);
  ASSERT_TRUE(HasOffload(frame_));
  EXPECT_TRUE(OffloadOf(frame_)->checksum_wanted);
  EXPECT_TRUE(OffloadOf(frame_)->trusted);
  EXPECT_EQ(OffloadOf(frame_)->segment_bytes, 0);
  EXPECT_EQ(OffloadOf(frame_)->l3_bytes, 20);
  EXPECT_EQ(OffloadOf(frame_)->l4_bytes, 8);
  EXPECT_EQ(OffloadOf(frame_)->l4_protocol, kIpProtocolUdp);
}

TEST_F(EthdevOffloadTest, AVirtioPeersLargeSegmentBecomesAnOffload) {
  Make(kIpProtocolTcp);
  frame_->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
  frame_->tso_segsz = 536;
  FromDeviceOffload(frame_);
  ASSERT_TRUE(HasOffload(frame_));
  EXPECT_EQ(OffloadOf(frame_)->segment_bytes, 536);
  EXPECT_EQ(OffloadOf(frame_)->l4_bytes, 20);
}

TEST_F(EthdevOffloadTest, WhatTheDeviceMergedHasItsChecksumOpenedAgain) {
  Make(kIpProtocolTcp);
  frame_->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  frame_->tso_segsz = 536;
  FromDeviceOffload(frame_);
  ASSERT_TRUE(HasOffload(frame_));
  EXPECT_EQ(Tcp()->checksum.host(), 0x1902 + 20 + kPayloadBytes);
}

TEST_F(EthdevOffloadTest, FinishedAndForeignFramesGetNone) {
  Make(kIpProtocolTcp);
  FromDeviceOffload(frame_);
  EXPECT_FALSE(HasOffload(frame_)) << "no flag";
  frame_->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  FromDeviceOffload(frame_);
  EXPECT_FALSE(HasOffload(frame_)) << "a finished checksum";
  frame_->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  Ip()->protocol = kIpProtocolIcmp;
  FromDeviceOffload(frame_);
  EXPECT_FALSE(HasOffload(frame_)) << "ICMP";
  Ip()->protocol = kIpProtocolTcp;
  Ip()->fragment = Be16(kIpv4MoreFragments);
  FromDeviceOffload(frame_);
  EXPECT_FALSE(HasOffload(frame_)) << "a fragment";
  Ip()->fragment = Be16(0);
  rte_pktmbuf_trim(frame_, static_cast<uint16_t>(frame_->data_len - 53));
  FromDeviceOffload(frame_);
  EXPECT_FALSE(HasOffload(frame_)) << "shorter than its headers";
}

}  // namespace
}  // namespace podwarp
