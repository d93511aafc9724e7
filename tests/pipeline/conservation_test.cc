// Whatever comes in: every frame is accounted for, every buffer is free again, and nothing is read
// or written where it must not be (under ASan). What is asserted stands in TestNode::Run().
//
// Frames begin as sound ones and are spoilt more or less, since random bytes alone hardly get past
// the destination MAC.
#include "pipeline/ip_rows.h"
#include "support/chance.h"

namespace podwarp::test {
namespace {

constexpr int kRounds = 20'000;
constexpr uint64_t kSeed = 20261122;

class Conservation : public NodeTest {
 protected:
  Conservation() {
    node.context.limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()};
    const PortCapabilities able = {.checksum = true,
                                   .tcp_segments = true,
                                   .udp_datagrams = true,
                                   .vlan_insert = true,
                                   .multi_segment = true};
    node.AddPod("able", "02:00:00:00:0c:0c"_mac, "10.244.1.60"_ip, able);
    node.AddPod("narrow", "02:00:00:00:0d:0d"_mac, "10.244.1.61"_ip, {}, /*mtu_bytes=*/576);
  }

  Ipv4Address AnyAddress() {
    static const Ipv4Address kAddresses[] = {
        kIpA,         kIpB,           kSecondIpB,          kVipB,
        kGatewayIp,   kReservedIp,    kUnownedIp,          kServiceIp,
        kRemoteIp,    kTrunkRemoteIp, kUnresolvedIp,       kHostIp,
        kUnderlayIp,  kNodeBIp,       kHost77Ip,           kRouterIp,
        kOnLinkIp,    kOutsideIp,     "10.244.1.60"_ip,    "10.244.1.61"_ip,
        "0.0.0.0"_ip, "224.0.0.1"_ip, "255.255.255.255"_ip};
    return chance.OneIn(20) ? Ipv4Address(chance.Byte(), chance.Byte(), chance.Byte(), 1)
                            : chance.Of(kAddresses);
  }

  // Who speaks on a port, mostly.
  Ethernet AnyEthernet(PortId port) {
    static const MacAddress kSpeakers[] = {kMacA,    kMacB,     kStrangerMac,
                                           kHostMac, kNodeBMac, kNodeCMac};
    const MacAddress us = port == kUplink || port == kTrunk ? kVirtualMac : kGatewayMac;
    const MacAddress from = port < std::size(kSpeakers) ? kSpeakers[port]
                            : port == 6                 ? "02:00:00:00:0c:0c"_mac
                                                        : "02:00:00:00:0d:0d"_mac;
    return Ethernet(chance.OneIn(12) ? MacAddress::Broadcast() : us,
                    chance.OneIn(12) ? kStrangerMac : from);
  }

  Ipv4 AnyIpv4(PortId port) {
    static const Ipv4Address kOwn[] = {
        kIpA,      kIpB,           kUnownedIp,       kUnderlayIp,
        kRemoteIp, kTrunkRemoteIp, "10.244.1.60"_ip, "10.244.1.61"_ip};
    Ipv4 ip(chance.OneIn(10) ? AnyAddress() : kOwn[port], AnyAddress());
    ip.Id(chance.Word()).Ttl(chance.OneIn(8) ? static_cast<uint8_t>(chance.Below(3)) : 64);
    if (chance.OneIn(3)) ip.DontFragment();
    if (chance.OneIn(10)) ip.MoreFragments();
    if (chance.OneIn(10)) ip.FragmentOffset(static_cast<uint16_t>(chance.Word() & ~7u));
    if (chance.OneIn(6)) {
      Bytes options(4 * (1 + chance.Below(10)));
      for (uint8_t& byte : options) byte = chance.OneIn(2) ? 1 : chance.Byte();
      ip.Options(std::move(options));
    }
    return ip;
  }

  Packet AnyInside(size_t payload_bytes) {
    const Raw payload = Payload(payload_bytes);
    switch (chance.Below(6)) {
      case 0:
        return Icmp::Echo(1, 2) / payload;
      case 1:
        return Icmp(chance.Byte(), chance.Byte()) / payload;
      case 2:
        return Tcp(1000, 80).PartialChecksum() / payload;
      case 3:
        return Udp(1000, 80).PartialChecksum() / payload;
      case 4:
        return Udp(1000, 80) / payload;
      default:
        return payload;
    }
  }

  Packet AnyArp(MacAddress mac) {
    Arp arp = chance.OneIn(8) ? Arp::Rarp(mac) : Arp::Request(mac, AnyAddress(), AnyAddress());
    if (chance.OneIn(3)) arp.Operation(static_cast<uint16_t>(chance.Below(5)));
    if (chance.OneIn(3)) arp.SenderIp(Ipv4Address());
    return arp;
  }

  Packet AnyPacket(PortId port) {
    if (chance.OneIn(20)) {
      Bytes noise(chance.Below(200));
      for (uint8_t& byte : noise) byte = chance.Byte();
      return Packet(noise);
    }
    static const size_t kSizes[] = {0, 1, 20, 64, 500, 1400, 1472, 1473, 3000, 9000};
    const Ethernet ethernet = AnyEthernet(port);
    const Packet inside = chance.OneIn(4) ? AnyArp(chance.OneIn(2) ? kMacA : kNodeBMac)
                                          : AnyIpv4(port) / AnyInside(chance.Of(kSizes));
    const bool is_tagged = port == kTrunk ? !chance.OneIn(12) : chance.OneIn(12);
    if (!is_tagged) return ethernet / inside;
    return ethernet / Vlan(chance.OneIn(8) ? chance.Word() : kTrunkVlan) / inside;
  }

  Packet Spoil(Packet packet) {
    if (chance.OneIn(8)) packet = packet.Truncate(chance.Below(packet.size() + 1));
    if (chance.OneIn(8)) packet = packet.PadTo(packet.size() + chance.Below(70), 0xee);
    for (uint32_t changes = chance.OneIn(3) ? chance.Below(4) : 0; changes > 0; --changes) {
      if (packet.size() == 0) break;
      packet = packet.With(chance.Below(std::min<size_t>(packet.size(), 80)), {chance.Byte()});
    }
    return packet;
  }

  MbufOptions AnyLayout() {
    MbufOptions options;
    options.strip_vlan = chance.OneIn(2);
    if (chance.OneIn(3)) {
      for (uint32_t i = chance.Below(5); i > 0; --i) {
        options.segments.push_back(
            static_cast<uint16_t>(chance.Below(chance.OneIn(2) ? 80 : 1500)));
      }
    }
    if (chance.OneIn(3)) {
      static const uint16_t kSegments[] = {0, 0, 1, 8, 536, 1448, 1480, 65535};
      const bool is_tcp = chance.OneIn(2);
      Offload offload = {.segment_bytes = chance.Of(kSegments),
                         .l3_bytes = 20,
                         .l4_bytes = static_cast<uint8_t>(is_tcp ? 20 : 8),
                         .checksum_wanted = !chance.OneIn(8),
                         .trusted = chance.OneIn(2),
                         .l4_protocol = is_tcp ? kIpProtocolTcp : kIpProtocolUdp,
                         .udp_datagrams = chance.OneIn(2)};
      if (chance.OneIn(6)) offload.l3_bytes = chance.Byte();
      if (chance.OneIn(6)) offload.l4_bytes = chance.Byte();
      if (offload.segment_bytes != 0) offload.checksum_wanted = true;
      options.offload = offload;
    }
    return options;
  }

  uint64_t AnyFlags() {
    static const uint64_t kFlags[] = {0,
                                      0,
                                      RTE_MBUF_F_RX_IP_CKSUM_GOOD,
                                      RTE_MBUF_F_RX_IP_CKSUM_BAD,
                                      RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED,
                                      RTE_MBUF_F_RX_VLAN};
    return chance.Of(kFlags);
  }

  // Ports fill up, go down and come back.
  void DisturbPorts(uint32_t ports) {
    for (PortId id = 0; id < ports; ++id) {
      node.port(id).SetTransmitRoom(chance.OneIn(4) ? chance.Below(20) : 1'000'000);
      node.port(id).SetState({.up = !chance.OneIn(10), .why_down = "", .speed_mbps = 0});
    }
    node.tables.ports.RefreshStates();
    node.SetPromiscuousArp(chance.OneIn(2));
  }

  Chance chance{kSeed};
};

TEST_F(Conservation, EveryFrameIsAccountedFor) {
  const auto ports = static_cast<uint32_t>(node.tables.ports.Ids().size());
  uint64_t sent = 0, dropped = 0, consumed = 0;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    if (round % 50 == 0) DisturbPorts(ports);
    const auto port = static_cast<PortId>(chance.Below(ports));
    std::vector<Input> frames;
    for (uint32_t i = chance.OneIn(20) ? chance.Below(100) : 1 + chance.Below(4); i > 0; --i) {
      frames.emplace_back(Spoil(AnyPacket(port)), AnyLayout(), AnyFlags());
    }
    const Result result = node.Run(port, frames);
    sent += result.sent.size();
    dropped += result.dropped.size();
    consumed += result.consumed;
  }
  // The frames were neither all nonsense nor all sound.
  EXPECT_GT(sent, uint64_t{kRounds} / 4);
  EXPECT_GT(dropped, uint64_t{kRounds} / 4);
  EXPECT_GT(consumed, uint64_t{kRounds} / 100);
}

}  // namespace
}  // namespace podwarp::test
