// Offload (podwarp/port/offload.h) to and from the flags of DPDK's mbuf, for ethdev ports.
//
// Thread rule: workers, on frames they hold alone.
#pragma once

#include <rte_mbuf.h>

namespace podwarp {

// Says in ol_flags, l2_len, l3_len, l4_len and tso_segsz what the frame's Offload says, and brings
// the header into the form that a DPDK device expects (Programmer's Guide, "Mbuf Library, Meta
// Information"). May be called again on a frame that the device had no room for.
// REQUIRES: HasOffload(frame), of a form that the port's capabilities allow, headers in the first
// mbuf.
void ToDeviceOffload(rte_mbuf* frame);

// Gives a received frame its Offload where the device's flags speak of one: a virtio device passes
// on frames whose checksum its peer left open (RTE_MBUF_F_RX_L4_CKSUM_NONE) or that are longer than
// the MTU (RTE_MBUF_F_RX_LRO). Frames that are not TCP or UDP over IPv4 are left as they are.
void FromDeviceOffload(rte_mbuf* frame);

// Whether the device's flags speak of one: once per frame, hence inline.
inline bool MayHaveDeviceOffload(const rte_mbuf* frame) {
  return (frame->ol_flags & RTE_MBUF_F_RX_LRO) != 0 ||
         (frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

}  // namespace podwarp
