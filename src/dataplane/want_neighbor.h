// Asking the control thread for a neighbour's MAC.
#pragma once

#include "podwarp/dataplane/pipeline.h"

namespace podwarp {

// But for the kernel's own packets, so often at most: callers on the wire can have any address of
// the segment, and the kernel's neighbours must find room.
inline constexpr uint64_t kNeighborsForOthersPerSecond = 100;

inline void WantNeighbor(WorkerContext& context, const Ingress& ingress, Ipv4Address address) {
  const bool is_kernels =
      ingress.port != nullptr && ingress.role() == PortRole::kHost && !ingress.is_relayed;
  if (!is_kernels && !context.neighbor_limiter.Pass(context.limits.neighbors, context.now)) {
    return;
  }
  context.Tell(
      {.kind = EventKind::kNeighborWanted, .port = ingress.id, .address = address, .mac = {}});
}

}  // namespace podwarp
