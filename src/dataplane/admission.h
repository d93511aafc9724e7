// When a frame may simply be sent to its next hop: asked for every frame by Rewrite, and again by
// HandleException, which has to say what was wrong.
#pragma once

#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/port/offload.h"
#include "podwarp/table/node_settings.h"

namespace podwarp {

// The node itself speaks: its kernel, or podwarp, whose frames have no port, for itself or for a
// caller from the wire.
inline bool IsFromNode(const Ingress& ingress) {
  return ingress.port == nullptr || ingress.is_relayed || ingress.role() == PortRole::kHost;
}
inline bool IsFromWire(const Ingress& ingress) {
  return !IsFromNode(ingress) && ingress.role() == PortRole::kUplink;
}

// Hosts on an uplink's segment that are no nodes of the cluster are reached by this node's kernel
// only. For pods they lie outside the cluster like any other: by the host port, masqueraded.
inline NextHopKind LastForwardable(const Ingress& ingress) {
  return IsFromNode(ingress) ? NextHopKind::kNeighbor : NextHopKind::kNode;
}

// A frame from the wire never goes back to it: it is late traffic for a pod that moved away, and
// sending it on would let two nodes with different views play ping-pong with it. A pod's frame does
// if hairpin_mode lets it.
inline PortId BarredPort(const Ingress& ingress, const NodeSettings& settings) {
  if (IsFromNode(ingress)) return kNoPort;
  return IsFromWire(ingress) || !settings.allow_hairpin ? ingress.id : kNoPort;
}

// A frame that is longer than the MTU still fits if it is to be cut into segments that do, or is
// only padded.
inline bool FitsMtu(rte_mbuf* frame, uint16_t mtu_bytes) {
  if (rte_pktmbuf_pkt_len(frame) <= uint32_t{mtu_bytes} + kEthernetHeaderBytes) return true;
  if (HasOffload(frame) && OffloadOf(frame)->segment_bytes != 0) {
    // In IP fragments the UDP header is part of the first one's payload.
    const Offload& offload = *OffloadOf(frame);
    const bool fragments = offload.l4_protocol == kIpProtocolUdp && !offload.udp_datagrams;
    const int headers = offload.l3_bytes + (fragments ? 0 : offload.l4_bytes);
    return headers + offload.segment_bytes <= mtu_bytes;
  }
  return Ipv4Of(frame)->total_length.host() <= mtu_bytes;
}

}  // namespace podwarp
