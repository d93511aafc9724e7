#include <cstring>

#include "dataplane/admission.h"
#include "dataplane/stages.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

// REQUIRES: time to live > 0.
void SendToNextHop(rte_mbuf* frame, const Adjacency& adjacency) {
  DecrementTtl(Ipv4Of(frame));
  // Both MACs stand in an adjacency as they do in a frame.
  std::memcpy(rte_pktmbuf_mtod(frame, void*), &adjacency.destination, 2 * sizeof(MacAddress));
}

void SetVlan(rte_mbuf* frame, const Adjacency& adjacency) {
  if (adjacency.vlan_id == 0) return;
  frame->vlan_tci = adjacency.vlan_id;
  frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
}

// Which way the frames of a burst may go. Mostly all go the same way, which is open to frames of
// every length that the burst has: that is found out once.
class Gate {
 public:
  Gate(const Burst& burst, const NodeSettings& settings)
      : last_(LastForwardable(burst.ingress)),
        barred_(BarredPort(burst.ingress, settings)),
        longest_bytes_(burst.traits.longest_bytes) {}

  bool Admits(rte_mbuf* frame, const Adjacency& adjacency) {
    return adjacency.way() == open_way_ || AdmitsOther(frame, adjacency);
  }

  // The port of all ways that were admitted; kNoPort if there are several.
  PortId egress() const { return egress_; }
  bool any_vlan() const { return any_vlan_; }

 private:
  bool AdmitsOther(rte_mbuf* frame, const Adjacency& adjacency) {
    if (adjacency.kind < kFirstForwardable || adjacency.kind > last_ || adjacency.port == barred_) {
      return false;
    }
    const bool any_length = longest_bytes_ <= uint32_t{adjacency.mtu_bytes} + kEthernetHeaderBytes;
    if (!any_length && !FitsMtu(frame, adjacency.mtu_bytes)) return false;
    if (any_length) open_way_ = adjacency.way();
    egress_ = is_first_ || adjacency.port == egress_ ? adjacency.port : kNoPort;
    is_first_ = false;
    any_vlan_ |= adjacency.vlan_id != 0;
    return true;
  }

  const NextHopKind last_;
  const PortId barred_;
  const uint32_t longest_bytes_;
  uint64_t open_way_ = UINT64_MAX;  // nobody's
  PortId egress_ = kNoPort;
  bool is_first_ = true;
  bool any_vlan_ = false;
};

void MoveExceptions(uint64_t odd, Burst& burst, Burst& exceptions) {
  const uint16_t received = burst.count;
  burst.count = 0;
  for (uint16_t i = 0; i < received; ++i) {
    Burst& to = (odd >> i & 1) != 0 ? exceptions : burst;
    to.Add(burst.frames[i], burst.destinations[i], burst.adjacencies[i]);
  }
}

void SetVlans(const Adjacency* adjacencies, Burst& burst) {
  for (uint16_t i = 0; i < burst.count; ++i) {
    SetVlan(burst.frames[i], adjacencies[burst.adjacencies[i]]);
  }
  burst.traits.flags |= RTE_MBUF_F_TX_VLAN;
}

}  // namespace

void Rewrite(WorkerContext& context, Burst& burst, Burst& exceptions) {
  const Adjacency* adjacencies = context.tables.adjacencies.data();
  Gate gate(burst, context.tables.settings());
  uint64_t odd = 0;
  for (uint16_t i = 0; i < burst.count; ++i) {
    rte_mbuf* frame = burst.frames[i];
    const Adjacency& adjacency = adjacencies[burst.adjacencies[i]];
    if (!gate.Admits(frame, adjacency) || Ipv4Of(frame)->time_to_live <= 1) [[unlikely]] {
      odd |= uint64_t{1} << i;
      continue;
    }
    SendToNextHop(frame, adjacency);
  }
  if (odd != 0) MoveExceptions(odd, burst, exceptions);
  if (gate.any_vlan()) SetVlans(adjacencies, burst);
  burst.egress = gate.egress();
}

void RewriteAdmitted(WorkerContext& context, Burst& burst) {
  const Adjacency* adjacencies = context.tables.adjacencies.data();
  for (uint16_t i = 0; i < burst.count; ++i) {
    const Adjacency& adjacency = adjacencies[burst.adjacencies[i]];
    SendToNextHop(burst.frames[i], adjacency);
    SetVlan(burst.frames[i], adjacency);
  }
}

}  // namespace podwarp
