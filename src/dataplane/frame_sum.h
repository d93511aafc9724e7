// Checksums over frames of several mbufs.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace podwarp {

// The one's-complement sum of bytes [begin, end) of a frame, in any number of mbufs of any size.
//
// Not rte_raw_cksum_mbuf(): where an mbuf begins at an odd offset, DPDK 22.11 swaps the low half of
// a sum that it hasn't folded yet, and loses the carries.
uint16_t FrameSum(const rte_mbuf* frame, uint32_t begin, uint32_t end);

}  // namespace podwarp
