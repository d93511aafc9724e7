// What a port cannot do with a frame's Offload, done in software before the frame is transmitted:
// the checksum filled in, the segments cut, the VLAN tag put in, several mbufs made one.
//
// Theory of operation. Most frames need none of this, and NeedsFinishing() says so from one word.
// Of the others, a frame that only lacks its checksum or tag is finished where it lies. A frame
// that must be cut or copied gives birth to new frames, each in one mbuf of its own: header and
// payload are copied. All buffers are taken at once before anything is written, so that there is
// no half-cut frame to take back, and nothing is ever freed here.
//
// Why not rte_gso: it builds each segment of two or three mbufs chained to the input, which a
// device must then gather, and which a device without multi-segment support can't take at all; it
// leaves checksums, VLAN tag and Offload to be walked again, and emits an empty mbuf when the
// input's first one holds the headers alone, as frames from guests do. A copy is needed for half
// of the ports anyway, and costs less than three buffers a segment do (figures in the commit that
// brought this file).
//
// Thread rule: a worker, on frames that it holds alone. It calls neither the system nor the logger.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "podwarp/port/offload.h"
#include "podwarp/port/port.h"

namespace podwarp {

enum class OffloadVerdict : uint8_t {
  kInPlace,        // out[0] is the frame itself, ready
  kReplaced,       // out[] holds new frames; the input is still the caller's, and has served
  kNoBuffer,       // the pool is empty
  kMalformed,      // lengths that contradict each other, or a fragment
  kUnsupported,    // not IPv4, neither TCP nor UDP, or larger than a buffer of the pool
  kTooManyPieces,  // more than `capacity`
};

struct FinishedOffload {
  OffloadVerdict verdict;
  uint16_t count;  // frames in out[]; 0 if the verdict is a failure
};

// True if FinishOffload() has something to do. Once per frame, hence inline.
inline bool NeedsFinishing(const rte_mbuf* frame, const PortCapabilities& port) {
  return (frame->ol_flags & (offload_internal::flag | RTE_MBUF_F_TX_VLAN)) != 0 ||
         (frame->nb_segs > 1 && !port.multi_segment);
}

// Makes `frame` fit for `port`. What the port can do itself is left to it, with an Offload that
// says so; what is done here no longer shows in ol_flags.
//
// kInPlace: checksum and tag may have been written into the frame. kReplaced: the input is as it
// was; the caller counts `count` frames as originated and the input as consumed. On failure the
// input is as it was, and the caller drops it.
//
// TCP segments follow what Linux does (Documentation/networking/segmentation-offloads.rst): the
// identification counts up, FIN and PSH stand on the last one only, CWR on the first only
// (RFC 3168, 6.1.2). UDP with segment_bytes is cut into IP fragments (UFO: that is what
// RTE_MBUF_F_TX_UDP_SEG and VIRTIO_NET_HDR_GSO_UDP mean): segment_bytes is then the IP payload of
// each fragment, rounded down to 8 bytes, and the datagram's checksum is filled in before.
//
// REQUIRES: the headers are in the first mbuf, which is not shared; capacity > 0; the pool's
// buffers have the default headroom; segments at most one buffer long.
FinishedOffload FinishOffload(rte_mbuf* frame, const PortCapabilities& port, rte_mempool* pool,
                              rte_mbuf** out, uint16_t capacity);

}  // namespace podwarp
