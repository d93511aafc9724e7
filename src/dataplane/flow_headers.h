// Which flow a frame belongs to, for what a service may have to do with.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "podwarp/dataplane/frame.h"
#include "podwarp/net/flow_key.h"

namespace podwarp {

struct FlowHeaders {
  enum class Kind : uint8_t {
    kFlow,           // TCP, UDP or SCTP, its header whole; or the first fragment of such a packet
    kLaterFragment,  // has no ports
    kIcmp,           // in one piece
    kOther,          // of a protocol without ports
    kTruncated,      // its header is cut short, or not whole in the first segment
  };

  Kind kind = Kind::kOther;
  bool is_fragment = false;
  uint16_t transport = 0;  // where the TCP, UDP, SCTP or ICMP header begins in the frame
};

namespace flow_headers_internal {

// Bytes of the header that must be there; 0 for a protocol without ports.
inline uint16_t TransportBytes(uint8_t protocol) {
  switch (protocol) {
    case kIpProtocolTcp:
      return sizeof(TcpHeader);
    case kIpProtocolUdp:
      return sizeof(UdpHeader);
    case kIpProtocolSctp:
      return sizeof(SctpHeader);
    default:
      return 0;
  }
}

}  // namespace flow_headers_internal

// `key`: the frame's flow, ports zero where it has none. REQUIRES: Classify has found the frame's
// IP header right.
inline FlowHeaders ReadFlow(rte_mbuf* frame, FlowKey* key) {
  const Ipv4Header* ip = Ipv4Of(frame);
  FlowHeaders headers;
  headers.transport = static_cast<uint16_t>(kEthernetHeaderBytes + ip->header_bytes());
  headers.is_fragment = ip->is_fragment();
  FlowKey::Words words{.addresses = 0, .ports_and_protocol = uint64_t{ip->protocol} << 32};
  std::memcpy(&words.addresses, reinterpret_cast<const uint8_t*>(ip) + offsetof(Ipv4Header, source),
              sizeof(words.addresses));

  const uint16_t bytes = flow_headers_internal::TransportBytes(ip->protocol);
  if (ip->protocol == kIpProtocolIcmp) {
    if (!headers.is_fragment) headers.kind = FlowHeaders::Kind::kIcmp;
  } else if (bytes == 0) {
    headers.kind = FlowHeaders::Kind::kOther;
  } else if ((ip->fragment.host() & kIpv4OffsetMask) != 0) {
    headers.kind = FlowHeaders::Kind::kLaterFragment;
  } else if (ip->total_length.host() < ip->header_bytes() + bytes ||
             rte_pktmbuf_data_len(frame) < headers.transport + bytes) {
    headers.kind = FlowHeaders::Kind::kTruncated;
  } else {
    headers.kind = FlowHeaders::Kind::kFlow;
    uint32_t ports;
    std::memcpy(&ports, rte_pktmbuf_mtod_offset(frame, void*, headers.transport), sizeof(ports));
    words.ports_and_protocol |= ports;
  }
  *key = FlowKey::FromWords(words);
  return headers;
}

}  // namespace podwarp
