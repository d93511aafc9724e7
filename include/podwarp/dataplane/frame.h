// Reading a frame's headers without reading past its end.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "podwarp/net/headers.h"

namespace podwarp {

// The header at `offset` bytes into the frame; nullptr if it doesn't lie whole in the first
// segment.
template <typename Header>
Header* HeaderAt(rte_mbuf* frame, uint32_t offset) {
  static_assert(alignof(Header) == 1, "a header can stand anywhere in a frame");
  if (offset + sizeof(Header) > rte_pktmbuf_data_len(frame)) return nullptr;
  return rte_pktmbuf_mtod_offset(frame, Header*, offset);
}

// After Classify every frame has an untagged Ethernet header and, if it is IP, its whole IP header
// in the first segment: these two need no check.
inline EthernetHeader* EthernetOf(rte_mbuf* frame) {
  return rte_pktmbuf_mtod(frame, EthernetHeader*);
}
inline Ipv4Header* Ipv4Of(rte_mbuf* frame) {
  return rte_pktmbuf_mtod_offset(frame, Ipv4Header*, kEthernetHeaderBytes);
}

}  // namespace podwarp
