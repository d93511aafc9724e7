// The header that virtio devices, and a tap with IFF_VNET_HDR, put before every frame, to and fro
// an Offload.
//
// Source: Virtual I/O Device 1.2, 5.1.6 (struct virtio_net_hdr), little-endian. tun(4) uses it with
// all of its 12 bytes.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "podwarp/port/offload.h"

namespace podwarp {

struct VnetHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t header_bytes;     // all headers of a frame to be cut: what the kernel keeps in one piece
  uint16_t segment_bytes;    // payload of each segment
  uint16_t checksum_start;   // from the frame's first byte
  uint16_t checksum_offset;  // of the field, from checksum_start
  uint16_t buffers;          // that a frame to a guest takes; unused by taps
};
static_assert(sizeof(VnetHeader) == 12);

// VIRTIO_NET_HDR_F_... and VIRTIO_NET_HDR_GSO_...; <linux/virtio_net.h> of older kernels lacks the
// last, so all stand here.
inline constexpr uint8_t kVnetNeedsChecksum = 1;
inline constexpr uint8_t kVnetDataValid = 2;
inline constexpr uint8_t kVnetGsoNone = 0;
inline constexpr uint8_t kVnetGsoTcp4 = 1;
inline constexpr uint8_t kVnetGsoUfo = 3;  // the fragments of one datagram
inline constexpr uint8_t kVnetGsoTcp6 = 4;
inline constexpr uint8_t kVnetGsoUdp = 5;     // UDP_L4: each segment a datagram (USO, Linux 6.2)
inline constexpr uint8_t kVnetGsoEcn = 0x80;  // the first segment alone carries TCP's CWR

namespace vnet_header_internal {
bool ApplyToFrame(const VnetHeader& header, rte_mbuf* frame);
VnetHeader FromOffload(const rte_mbuf* frame, const Offload& offload);
}  // namespace vnet_header_internal

// Gives a frame just received what its header says: an Offload if there is something to be done, or
// nothing to be verified. Lengths are computed from the frame's own headers, and must agree with
// what its sender wants summed. A checksum at a place that no Offload describes (a tunnel's inner
// header, IPv6 with extension headers) is filled in right here.
// False if the header asks for what can't be done: drop the frame.
inline bool ApplyVnetHeader(const VnetHeader& header, rte_mbuf* frame) {
  if (header.flags == 0 && header.gso_type == kVnetGsoNone) return true;
  return vnet_header_internal::ApplyToFrame(header, frame);
}

// The header to write before `frame`. REQUIRES: the first segment holds the headers.
inline VnetHeader MakeVnetHeader(rte_mbuf* frame) {
  if (!HasOffload(frame)) return VnetHeader{};
  return vnet_header_internal::FromOffload(frame, *OffloadOf(frame));
}

}  // namespace podwarp
