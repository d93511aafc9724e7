// Which addresses podwarp answers ARP requests for, by what stands behind them: one rule for the
// workers who answer and for the reports that say what they would do.
#pragma once

#include "podwarp/port/port.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/node_settings.h"

namespace podwarp {

// Somebody has the address: a pod here or elsewhere, the node, the gateway, or nobody may have it.
inline bool IsClaimed(NextHopKind kind) {
  switch (kind) {
    case NextHopKind::kReserved:
    case NextHopKind::kLocal:
    case NextHopKind::kService:
    case NextHopKind::kExternalService:
    case NextHopKind::kUnresolved:
    case NextHopKind::kPod:
    case NextHopKind::kHost:
    case NextHopKind::kNode:
      return true;
    case NextHopKind::kNone:
    case NextHopKind::kUnowned:
    case NextHopKind::kOnLink:
    case NextHopKind::kNeighbor:
      return false;
  }
  return false;
}

// Rules 1 and 5: whether a request (not a probe) by a pod or the kernel is answered, if the address
// isn't the asker's own.
inline bool IsAnswered(NextHopKind kind, PortRole asker, const NodeSettings& settings) {
  switch (kind) {
    case NextHopKind::kReserved:
    case NextHopKind::kUnowned:
      return settings.promiscuous_arp;
    case NextHopKind::kOnLink:
    case NextHopKind::kNeighbor:
      return asker == PortRole::kHost;  // only the kernel speaks to these directly
    default:
      return IsClaimed(kind);
  }
}

}  // namespace podwarp
