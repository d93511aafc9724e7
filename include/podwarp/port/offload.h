// What is still to be done to a frame before it may stand on a wire: checksums not yet filled in,
// segments not yet cut. Set where a frame is received, used up where it is transmitted: by the
// device if it can, else in software.
//
// It lives in a dynamic field of the mbuf ("Mbuf Library, Dynamic fields and flags" in the DPDK
// Programmer's Guide), and a dynamic flag says whether it means anything. A frame without the flag
// is finished, and its Offload is never read: an ordinary frame costs nothing.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstdint>

#include "absl/status/status.h"

namespace podwarp {

struct Offload {
  // TCP or UDP payload bytes of each segment that the frame is to be cut into; 0 = do not cut.
  uint16_t segment_bytes;
  uint8_t l3_bytes;  // IP header with options
  uint8_t l4_bytes;  // TCP header with options, or UDP header
  // The TCP or UDP checksum field holds the pseudo-header's sum, not complemented; the rest of the
  // sum is still to be added. Always set when segment_bytes is not 0.
  bool checksum_wanted;
  // The checksum of the payload need not be verified by a receiver on this machine.
  bool trusted;
  uint8_t l4_protocol;  // kIpProtocolTcp or kIpProtocolUdp
  // UDP: each segment is to be a datagram of its own (USO). Else they are to be the IP fragments of
  // one datagram, whose header counts as payload of the first (UFO).
  bool udp_datagrams;
};
static_assert(sizeof(Offload) == 8);

namespace offload_internal {
inline int field_offset = -1;
inline uint64_t flag = 0;
}  // namespace offload_internal

// Registers field and flag. Once per process, after the EAL's start, before any port is opened.
// Errors: Internal if the mbuf has no room left.
absl::Status RegisterOffloadField();

inline bool HasOffload(const rte_mbuf* frame) {
  return (frame->ol_flags & offload_internal::flag) != 0;
}
inline Offload* OffloadOf(rte_mbuf* frame) {
  return RTE_MBUF_DYNFIELD(frame, offload_internal::field_offset, Offload*);
}
inline void SetOffload(rte_mbuf* frame, const Offload& offload) {
  *OffloadOf(frame) = offload;
  frame->ol_flags |= offload_internal::flag;
}
inline void ClearOffload(rte_mbuf* frame) { frame->ol_flags &= ~offload_internal::flag; }

}  // namespace podwarp
