// The stages of a frame's way, in their order. Each has a file of its own; only pipeline.cc knows
// who comes after whom. A stage shortens the burst it is given to the frames that go on; each of
// the others was dropped, consumed, or moved to another burst.
#pragma once

#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/pipeline.h"

namespace podwarp {

// Checks Ethernet and IP headers and strips VLAN tags. IPv4 frames stay in `burst`, with their
// destinations; ARP and RARP frames go to `arp`.
void Classify(WorkerContext& context, Burst& burst, Burst& arp);

// Answers, consumes or drops every frame of the burst. Answers are in `arp` afterwards, ready to
// leave by the port they came from.
void AnswerArp(WorkerContext& context, Burst& arp);

// Pods only: source MAC and address must be the pod's own.
void GuardSource(WorkerContext& context, Burst& burst);

// Destination -> adjacency.
void Route(WorkerContext& context, Burst& burst);

// Frames to and from services get the addresses of who is really meant, and are routed again; those
// of callers on the wire go to `relayed`, routed too. `made` gets what is answered in the place of
// one that has ended here, not yet routed.
void TranslateService(WorkerContext& context, Burst& burst, Burst& relayed, Burst& made);

// Time to live and MACs. Frames that can't simply go on, for whatever reason, go to `exceptions`
// with their adjacency.
void Rewrite(WorkerContext& context, Burst& burst, Burst& exceptions);

// The same for frames that HandleException() let go on: asks no more.
void RewriteAdmitted(WorkerContext& context, Burst& burst);

// Finds out what keeps frame `i` of the burst from simply going on, and does what a router must.
// `again` gets what can go on after all, with an adjacency that it fits: the frame itself or its
// fragments, at most kMaxFragments; `made` gets at most one frame made in answer, not yet routed.
// Else the frame was dropped or consumed.
inline constexpr uint16_t kMaxFragments = 32;
void HandleException(WorkerContext& context, const Burst& exceptions, uint16_t i, Burst& again,
                     Burst& made);

// Into the transmit buffers of the adjacencies' ports.
void Transmit(WorkerContext& context, Burst& burst);
// Into the transmit buffer of one port, whole frames as they are.
void TransmitTo(WorkerContext& context, PortId port, Burst& burst);
void FlushTransmitBuffers(WorkerContext& context);

}  // namespace podwarp
