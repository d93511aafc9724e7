// IPv4 as the pipeline's tests write it.
#pragma once

#include "pipeline/test_node.h"

namespace podwarp::test {

// A packet on its way, with no more than its addresses told: `ip` carries the rest.
inline Packet Datagram(MacAddress to, MacAddress from, const Ipv4& ip, size_t payload_bytes = 50) {
  return Ethernet(to, from) / ip / Udp(1000, 2000) / Payload(payload_bytes);
}
inline Packet FromA(const Ipv4& ip, size_t payload_bytes = 50) {
  return Datagram(kGatewayMac, kMacA, ip, payload_bytes);
}

// The ICMP error that podwarp sends about `frame`: its first 548 bytes of IP quoted, precedence 6,
// TTL 64 (RFC 1812 4.3.2).
inline Packet ErrorAbout(const Packet& frame, const Icmp& error, MacAddress to, MacAddress from,
                         Ipv4Address source, Ipv4Address destination, uint16_t id = 0) {
  const size_t quoted = std::min<size_t>(frame.size() - kEthernetHeaderBytes, 576 - 28);
  return Ethernet(to, from) / Ipv4(source, destination).Tos(0xc0).Id(id) / error /
         frame.Skip(kEthernetHeaderBytes).Truncate(quoted);
}
// The same to pod_a.
inline Packet ErrorToA(const Packet& frame, const Icmp& error, uint16_t id = 0) {
  return ErrorAbout(frame, error, kMacA, kGatewayMac, kGatewayIp, kIpA, id);
}

// What a sender leaves to the device: a checksum, and segments to be cut.
inline Offload Wanted(uint8_t protocol, uint16_t segment_bytes = 0) {
  const auto l4_bytes = static_cast<uint8_t>(protocol == kIpProtocolTcp ? 20 : 8);
  return {.segment_bytes = segment_bytes,
          .l3_bytes = 20,
          .l4_bytes = l4_bytes,
          .checksum_wanted = true,
          .l4_protocol = protocol};
}

}  // namespace podwarp::test
