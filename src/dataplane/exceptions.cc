// Theory of operation
//
// Rewrite hands over what can't simply go on. Most of it is no error: a ping to the gateway, a
// packet for the world outside, a traceroute. Each frame is looked at alone, in the order in which
// a router would ask: where does it lead, has it time left, does it fit.
#include "dataplane/admission.h"
#include "dataplane/drop.h"
#include "dataplane/finish_offload.h"
#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/stages.h"
#include "dataplane/want_neighbor.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

// One frame on its way through this stage.
struct Exception {
  WorkerContext& context;
  const Ingress& ingress;
  rte_mbuf* frame;
  Burst& again;
  Burst& made;

  void DropWith(DropReason reason) { Drop(context, ingress.id, frame, reason); }

  void RefuseWith(DropReason reason, const IcmpError& error) {
    rte_mbuf* answer = MakeIcmpError(context, ingress, frame, error);
    if (answer != nullptr) made.Add(answer, Ipv4Of(answer)->destination.value());
    DropWith(reason);
  }
};

// Where a frame for a destination outside the cluster goes. kNoAdjacency: nowhere.
AdjacencyIndex ExternalFor(const WorkerContext& context, const Ingress& ingress) {
  const NodeSettings& settings = context.tables.settings();
  return IsFromNode(ingress) ? settings.external_from_host : settings.external_from_pod;
}

bool IsOutsideCluster(NextHopKind kind, const Ingress& ingress) {
  if (kind == NextHopKind::kNone) return true;
  return !IsFromNode(ingress) && (kind == NextHopKind::kOnLink || kind == NextHopKind::kNeighbor);
}

void DeliverLocally(Exception& exception) {
  rte_mbuf* frame = exception.frame;
  Ipv4Header* ip = Ipv4Of(frame);
  if (ip->is_fragment()) return exception.DropWith(DropReason::kLocalFragment);
  switch (TurnEchoAround(frame)) {
    case EchoVerdict::kReply:
      exception.made.Add(frame, ip->destination.value());
      return;
    case EchoVerdict::kInvalid:
      return exception.DropWith(DropReason::kLocalIcmpInvalid);
    case EchoVerdict::kNotEcho:
      break;
  }
  // RFC 1122 3.2.2: ICMP of a type that is not served is discarded in silence.
  if (ip->protocol == kIpProtocolIcmp) return exception.DropWith(DropReason::kLocalNotServed);
  const bool has_ports = ip->protocol == kIpProtocolTcp || ip->protocol == kIpProtocolUdp;
  exception.RefuseWith(
      DropReason::kLocalNotServed,
      {kIcmpUnreachable,
       static_cast<uint8_t>(has_ports ? kIcmpPortUnreachable : kIcmpProtocolUnreachable)});
}

// A checksum that was left to the device: none could fill it in once the datagram is in pieces.
// False if the frame isn't what its Offload says.
bool FillInChecksum(WorkerContext& context, rte_mbuf* frame) {
  if (!HasOffload(frame)) return true;
  PortCapabilities all_but_checksum;
  all_but_checksum.vlan_insert = true;
  all_but_checksum.multi_segment = true;
  rte_mbuf* same;
  return FinishOffload(frame, all_but_checksum, context.pool, &same, 1).verdict ==
         OffloadVerdict::kInPlace;
}

void SendTooLarge(Exception& exception, uint32_t destination, AdjacencyIndex index) {
  rte_mbuf* frame = exception.frame;
  const uint16_t mtu = exception.context.tables.adjacencies[index].mtu_bytes;
  const bool is_segmented = HasOffload(frame) && OffloadOf(frame)->segment_bytes != 0;
  if (is_segmented || (Ipv4Of(frame)->fragment.host() & kIpv4DontFragment) != 0) {
    return exception.RefuseWith(DropReason::kMtuExceeded,
                                {kIcmpUnreachable, kIcmpFragmentationNeeded, mtu});
  }
  if (!FillInChecksum(exception.context, frame)) {
    return exception.DropWith(DropReason::kOffloadFailed);
  }
  rte_mbuf* fragments[kMaxFragments];
  const int count = Fragment(frame, mtu, exception.context.pool, fragments, kMaxFragments);
  if (count < 0) return exception.DropWith(DropReason::kNoBuffer);
  if (count == 0) return exception.DropWith(DropReason::kFragmentationFailed);
  for (int i = 0; i < count; ++i) exception.context.observation.Made(frame, fragments[i]);
  exception.context.counters.originated.Add(static_cast<uint64_t>(count));
  for (int i = 0; i < count; ++i) exception.again.Add(fragments[i], destination, index);
  Consume(exception.context, frame);
}

}  // namespace

void HandleException(WorkerContext& context, const Burst& exceptions, uint16_t i, Burst& again,
                     Burst& made) {
  const Ingress& ingress = exceptions.ingress;
  const uint32_t destination = exceptions.destinations[i];
  AdjacencyIndex index = exceptions.adjacencies[i];
  Exception exception{context, ingress, exceptions.frames[i], again, made};

  if (IsOutsideCluster(context.tables.adjacencies[index].kind, ingress)) {
    if (IsFromWire(ingress)) return exception.DropWith(DropReason::kExternalFromUplink);
    index = ExternalFor(context, ingress);
  }
  const Adjacency& adjacency = context.tables.adjacencies[index];
  switch (adjacency.kind) {
    case NextHopKind::kNone:
      return exception.RefuseWith(DropReason::kNoRoute, {kIcmpUnreachable, kIcmpNetUnreachable});
    case NextHopKind::kUnowned:
    case NextHopKind::kReserved:
      return exception.RefuseWith(DropReason::kUnownedAddress,
                                  {kIcmpUnreachable, kIcmpHostUnreachable});
    case NextHopKind::kLocal:
    case NextHopKind::kService:  // what TranslateService() had no use for
    case NextHopKind::kExternalService:
      return DeliverLocally(exception);
    case NextHopKind::kOnLink:
      WantNeighbor(context, ingress, Ipv4Address(destination));
      return exception.DropWith(DropReason::kNeighborUnresolved);
    case NextHopKind::kUnresolved:
      return exception.DropWith(DropReason::kNeighborUnresolved);
    case NextHopKind::kPod:
    case NextHopKind::kHost:
    case NextHopKind::kNode:
    case NextHopKind::kNeighbor:
      break;
  }
  if (Ipv4Of(exception.frame)->time_to_live <= 1) {
    return exception.RefuseWith(DropReason::kTtlExpired, {kIcmpTimeExceeded, 0});
  }
  if (adjacency.port == BarredPort(ingress, context.tables.settings())) {
    return exception.DropWith(IsFromWire(ingress) ? DropReason::kUplinkHairpin
                                                  : DropReason::kHairpinOff);
  }
  if (!FitsMtu(exception.frame, adjacency.mtu_bytes)) {
    return SendTooLarge(exception, destination, index);
  }
  again.Add(exception.frame, destination, index);
}

}  // namespace podwarp
