#include <cstring>

#include "dataplane/admission.h"
#include "dataplane/stages.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

void SendToNextHop(rte_mbuf* frame, const Adjacency& adjacency) {
  DecrementTtl(Ipv4Of(frame));
  // Both MACs stand in an adjacency as they do in a frame.
  std::memcpy(rte_pktmbuf_mtod(frame, void*), &adjacency.destination, 2 * sizeof(MacAddress));
  if (adjacency.vlan_id != 0) {
    frame->vlan_tci = adjacency.vlan_id;
    frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
  }
}

}  // namespace

void Rewrite(WorkerContext& context, Burst& burst, Burst& exceptions) {
  const Adjacency* adjacencies = context.tables.adjacencies.data();
  const Ingress& ingress = burst.ingress;
  const NextHopKind last = LastForwardable(ingress);
  const PortId barred = BarredPort(ingress, context.tables.settings());
  const uint16_t received = burst.count;
  burst.count = 0;
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = burst.frames[i];
    const AdjacencyIndex index = burst.adjacencies[i];
    const Adjacency& adjacency = adjacencies[index];
    if (adjacency.kind < kFirstForwardable || adjacency.kind > last ||
        Ipv4Of(frame)->time_to_live <= 1 || adjacency.port == barred ||
        !FitsMtu(frame, adjacency.mtu_bytes)) [[unlikely]] {
      exceptions.Add(frame, burst.destinations[i], index);
      continue;
    }
    SendToNextHop(frame, adjacency);
    burst.Add(frame, burst.destinations[i], index);
  }
}

void RewriteAdmitted(WorkerContext& context, Burst& burst) {
  const Adjacency* adjacencies = context.tables.adjacencies.data();
  for (uint16_t i = 0; i < burst.count; ++i) {
    SendToNextHop(burst.frames[i], adjacencies[burst.adjacencies[i]]);
  }
}

}  // namespace podwarp
