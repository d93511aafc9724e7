// Frames to services that aren't plain: fragments, giants, checksums left to the device, a full
// table; and what becomes of a whole burst of all kinds.
#include <map>

#include "pipeline/service_rows.h"

namespace podwarp::test {
namespace {

class ServiceFrames : public ServiceTest {};

// A packet's fragments: `bytes` of its IP payload from `offset` on.
Packet FragmentOf(const Packet& frame, MacAddress to, MacAddress from, Ipv4 ip, uint16_t offset,
                  size_t bytes, bool more) {
  if (more) ip.MoreFragments();
  if (offset > 0) ip.FragmentOffset(offset);
  return Ethernet(to, from) / ip.Protocol(kIpProtocolUdp) /
         Raw(frame.Skip(kEthernetHeaderBytes + sizeof(Ipv4Header) + offset)
                 .Truncate(bytes)
                 .bytes());
}

TEST_F(ServiceFrames, FragmentsFollowTheirFirst) {
  const Packet whole =
      Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Udp(40000, 53) / Payload(100);
  const Packet whole_there =
      Ethernet(kNodeBMac, kVirtualMac) / Ipv4(kIpA, kRemoteIp) / Udp(40000, 5353) / Payload(100);
  const auto sent = [&](uint16_t id, uint16_t offset, size_t bytes, bool more) {
    return FragmentOf(whole, kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService).Id(id), offset, bytes,
                      more);
  };
  const auto there = [&](uint16_t id, uint16_t offset, size_t bytes, bool more) {
    return FragmentOf(whole_there, kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Id(id).Ttl(63),
                      offset, bytes, more);
  };
  Check({
      {"one that comes too early", kPodA, sent(7, 48, 48, true),
       Drops(DropReason::kServiceFragment)},
      {"first", kPodA, sent(7, 0, 48, true), Sends(kUplink, there(7, 0, 48, true))},
      {"middle", kPodA, sent(7, 48, 48, true), Sends(kUplink, there(7, 48, 48, true))},
      {"last", kPodA, sent(7, 96, 12, false), Sends(kUplink, there(7, 96, 12, false))},
      {"of another packet", kPodA, sent(8, 96, 12, false), Drops(DropReason::kServiceFragment)},
  });
  Wait(FragmentTable::kLifetime);
  Check({{"long after", kPodA, sent(7, 96, 12, false), Drops(DropReason::kServiceFragment)}});
}

// As they come from a kernel, with the connection's first packet at that.
TEST_F(ServiceFrames, FragmentsOfOneBurst) {
  const Packet whole =
      Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Udp(40000, 53) / Payload(100);
  const Packet whole_there =
      Ethernet(kNodeBMac, kVirtualMac) / Ipv4(kIpA, kRemoteIp) / Udp(40000, 5353) / Payload(100);
  std::vector<Input> frames;
  std::vector<Packet> expected;
  for (const auto& [offset, bytes] : {std::pair<uint16_t, size_t>{0, 48}, {48, 48}, {96, 12}}) {
    frames.emplace_back(FragmentOf(whole, kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService).Id(3),
                                   offset, bytes, offset < 96));
    expected.push_back(FragmentOf(whole_there, kNodeBMac, kVirtualMac,
                                  Ipv4(kIpA, kRemoteIp).Id(3).Ttl(63), offset, bytes, offset < 96));
  }
  const Result result = node.Run(kPodA, frames);
  ASSERT_EQ(result.sent.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result.sent[i].second.packet, expected[i]);
}

TEST_F(ServiceFrames, FragmentsOfAnAnswer) {
  const Packet call =
      Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Udp(40000, 53) / Payload(10);
  node.Run(kPodA, {call});
  const Packet answer =
      Ethernet(kVirtualMac, kNodeBMac) / Ipv4(kRemoteIp, kIpA) / Udp(5353, 40000) / Payload(100);
  const Packet seen =
      Ethernet(kMacA, kGatewayMac) / Ipv4(kRemoteService, kIpA) / Udp(53, 40000) / Payload(100);
  const auto sent = [&](uint16_t offset, size_t bytes, bool more) {
    return FragmentOf(answer, kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA).Id(9), offset, bytes,
                      more);
  };
  const auto comes = [&](uint16_t offset, size_t bytes, bool more) {
    return FragmentOf(seen, kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Id(9).Ttl(63), offset,
                      bytes, more);
  };
  Check({
      {"first", kUplink, sent(0, 48, true), Sends(kPodA, comes(0, 48, true))},
      {"last", kUplink, sent(48, 60, false), Sends(kPodA, comes(48, 60, false))},
  });
}

TEST_F(ServiceFrames, FragmentOfSctpToAnotherPort) {
  const Packet whole =
      Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Sctp(40000, 99) / Payload(100);
  Check({{"its checksum can't be told", kPodA,
          Ethernet(kGatewayMac, kMacA) /
              Ipv4(kIpA, kRemoteService).MoreFragments().Protocol(kIpProtocolSctp) /
              Raw(whole.Skip(34).Truncate(48).bytes()),
          Drops(DropReason::kSctpChecksum)}});
}

// The field holds the pseudo-header's sum, whose addresses change; ports are none of its business.
TEST_F(ServiceFrames, PartialChecksumsAreFinishedRight) {
  Set(kLocalService, kIpProtocolUdp, 53, {{kIpB, Be16(5353)}});
  Check({
      {"TCP", kPodA,
       Input(Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kLocalService) /
                 Tcp(40000, 80).PartialChecksum() / Payload(33),
             {.offload = Wanted(kIpProtocolTcp)}),
       Sends(kPodB, AtB(Ipv4(kIpA, kIpB).Ttl(63), Tcp(40000, 8080) / Payload(33)))},
      {"UDP", kPodA,
       Input(Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kLocalService) /
                 Udp(40000, 53).PartialChecksum() / Payload(33),
             {.offload = Wanted(kIpProtocolUdp)}),
       Sends(kPodB, AtB(Ipv4(kIpA, kIpB).Ttl(63), Udp(40000, 5353) / Payload(33)))},
      {"the answer's", kPodB,
       Input(Ethernet(kGatewayMac, kMacB) / Ipv4(kIpB, kIpA) / Tcp(8080, 40000).PartialChecksum() /
                 Payload(33),
             {.offload = Wanted(kIpProtocolTcp)}),
       Sends(kPodA, AtA(Ipv4(kLocalService, kIpA).Ttl(63), Tcp(80, 40000) / Payload(33)))},
  });
}

TEST_F(ServiceFrames, PartialChecksumsStayPartialForWhoCan) {
  const MacAddress mac = "02:00:00:00:05:05"_mac;
  const Ipv4Address ip = "10.244.1.50"_ip;
  const PortId vm =
      node.AddPod("vm", mac, ip, {.checksum = true, .tcp_segments = true, .multi_segment = true});
  Set(kLocalService, kIpProtocolTcp, 80, {{ip, Be16(8080)}});
  const auto giant = [](MacAddress to, MacAddress from, const Ipv4& addresses, const Tcp& tcp) {
    return Ethernet(to, from) / addresses / Tcp(tcp).PartialChecksum() / Payload(4000);
  };
  const Result result =
      node.Run(kPodA, {Input(giant(kGatewayMac, kMacA, Ipv4(kIpA, kLocalService), Tcp(40000, 80)),
                             {.offload = Wanted(kIpProtocolTcp, 1400)})});
  ASSERT_EQ(result.sent.size(), 1u);
  EXPECT_EQ(result.sent[0].first, vm);
  EXPECT_EQ(result.sent[0].second.packet,
            giant(mac, kGatewayMac, Ipv4(kIpA, ip).Ttl(63), Tcp(40000, 8080)));
  EXPECT_TRUE(result.sent[0].second.offload.has_value());
}

TEST_F(ServiceFrames, FullTableRefusesWhatIsNew) {
  const auto call = [](uint16_t port) {
    return Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / Tcp(port, 80, Tcp::kSyn);
  };
  const uint32_t capacity = node.tables.connections.capacity();
  uint32_t dropped = 0;
  for (uint32_t i = 0; i < capacity + 100; ++i) {
    const Result result = node.Run(kPodA, {call(static_cast<uint16_t>(1024 + i))});
    for (const DropReason reason : result.dropped) {
      EXPECT_EQ(reason, DropReason::kConnectionTableFull);
      ++dropped;
    }
  }
  EXPECT_GE(dropped, 100u);
  EXPECT_LE(connections(), capacity);
  // Who is connected isn't disturbed.
  Check({{"connected", kPodA, call(1024),
          Sends(kUplink, Ethernet(kNodeBMac, kVirtualMac) / Ipv4(kIpA, kRemoteIp).Ttl(63) /
                             Tcp(1024, 8080, Tcp::kSyn))}});
}

// Each frame goes its own way, whatever stands beside it.
TEST_F(ServiceFrames, ABurstOfAllKinds) {
  std::vector<Input> frames;
  for (uint16_t i = 0; i < 16; ++i) {
    const auto port = static_cast<uint16_t>(41000 + i);
    frames.emplace_back(Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) /
                        Tcp(port, 80, Tcp::kSyn));
    frames.emplace_back(FromA(Ipv4(kIpA, kIpB)));
    frames.emplace_back(Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kEmptyService) / Udp(port, 53) /
                        Payload(3));
    frames.emplace_back(Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kLocalService) / Tcp(port, 80));
  }
  const Result result = node.Run(kPodA, frames);
  std::map<PortId, int> sent;
  for (const auto& [port, frame] : result.sent) ++sent[port];
  EXPECT_EQ(sent, (std::map<PortId, int>{{kPodA, 16}, {kPodB, 32}, {kUplink, 16}}));
  EXPECT_EQ(result.dropped, std::vector<DropReason>(16, DropReason::kServiceNoBackend));
}

}  // namespace
}  // namespace podwarp::test
