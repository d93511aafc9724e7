// Theory of operation
//
// Frames wait in a buffer for each port until the end of the round, so that a port is called once
// with many. A burst mostly goes to one port as a whole, without anything left to be done to its
// frames: in that case only pointers are copied. A full buffer is flushed at once.
#include <cstring>

#include "dataplane/drop.h"
#include "dataplane/finish_offload.h"
#include "dataplane/stages.h"

namespace podwarp {
namespace {

// In a rehearsal, as if the port had taken all.
uint16_t HandOver(WorkerContext& context, Port& port, rte_mbuf** frames, uint16_t count) {
  if (!context.is_rehearsal) [[likely]]
    return port.Transmit(context.worker, frames, count);
  rte_pktmbuf_free_bulk(frames, count);
  return count;
}

void Flush(WorkerContext& context, PortId id) {
  TransmitBuffer& buffer = context.transmit[id];
  const uint16_t count = buffer.count;
  buffer.count = 0;
  Port* port = context.tables.ports.Get(id);
  uint16_t sent = 0;
  DropReason reason = DropReason::kTransmitQueueFull;
  uint64_t bytes = 0;
  if (port == nullptr) {
    reason = DropReason::kPortGone;
  } else if (!context.tables.ports.IsUp(id)) {
    reason = DropReason::kPortDown;
  }
  const bool is_tried = port != nullptr && reason != DropReason::kPortDown;
  context.observation.Sending(id, buffer.frames, count, is_tried);
  if (is_tried) {
    for (uint16_t i = 0; i < count; ++i) bytes += rte_pktmbuf_pkt_len(buffer.frames[i]);
    sent = HandOver(context, *port, buffer.frames, count);
  }
  context.observation.Sent(sent);
  // What was sent is the port's and not to be looked at any more; what was not is still ours.
  for (uint16_t i = sent; i < count; ++i) {
    if (port != nullptr && bytes != 0) bytes -= rte_pktmbuf_pkt_len(buffer.frames[i]);
    Drop(context, id, buffer.frames[i], reason);
  }
  context.observation.EndSending();
  context.counters.ports[id].transmitted_frames.Add(sent);
  context.counters.ports[id].transmitted_bytes.Add(bytes);
}

void Append(WorkerContext& context, PortId id, rte_mbuf* const* frames, uint16_t count) {
  TransmitBuffer& buffer = context.transmit[id];
  if (buffer.count + count > kBurstFrames) Flush(context, id);
  if (!buffer.is_waiting) {
    buffer.is_waiting = true;
    context.waiting.push_back(id);
  }
  std::memcpy(buffer.frames + buffer.count, frames, count * sizeof(frames[0]));
  buffer.count = static_cast<uint16_t>(buffer.count + count);
}

DropReason ReasonFor(OffloadVerdict verdict) {
  return verdict == OffloadVerdict::kNoBuffer ? DropReason::kNoBuffer : DropReason::kOffloadFailed;
}

// Pieces of the largest segment that exists: 64 KiB cut to 536 bytes (RFC 9293 3.7.1).
constexpr uint16_t kMaxPieces = 128;

void FinishAndAppend(WorkerContext& context, PortId id, rte_mbuf* frame) {
  const Port* port = context.tables.ports.Get(id);
  if (port == nullptr) return Drop(context, id, frame, DropReason::kPortGone);
  if (!NeedsFinishing(frame, port->capabilities())) return Append(context, id, &frame, 1);
  rte_mbuf* pieces[kMaxPieces];
  const FinishedOffload finished =
      FinishOffload(frame, port->capabilities(), context.pool, pieces, kMaxPieces);
  if (finished.count == 0) return Drop(context, id, frame, ReasonFor(finished.verdict));
  if (finished.verdict == OffloadVerdict::kReplaced) {
    for (uint16_t i = 0; i < finished.count; ++i) context.observation.Made(frame, pieces[i]);
    context.counters.originated.Add(finished.count);
    Consume(context, frame);
  }
  for (uint16_t i = 0; i < finished.count; ++i) Append(context, id, &pieces[i], 1);
}

// Whether `port` can have all frames of the burst as they are.
bool SuitAsTheyAre(const BurstTraits& burst, const PortCapabilities& port) {
  const uint64_t unfinished = offload_internal::flag | (port.vlan_insert ? 0 : RTE_MBUF_F_TX_VLAN);
  return (burst.flags & unfinished) == 0 && (burst.segments == 1 || port.multi_segment);
}

}  // namespace

void TransmitTo(WorkerContext& context, PortId port, Burst& burst) {
  for (uint16_t i = 0; i < burst.count; ++i) FinishAndAppend(context, port, burst.frames[i]);
}

void Transmit(WorkerContext& context, Burst& burst) {
  if (burst.count == 0) return;
  const Port* egress = burst.egress == kNoPort ? nullptr : context.tables.ports.Get(burst.egress);
  if (egress != nullptr && SuitAsTheyAre(burst.traits, egress->capabilities())) {
    return Append(context, burst.egress, burst.frames, burst.count);
  }
  const AdjacencyTable& adjacencies = context.tables.adjacencies;
  for (uint16_t i = 0; i < burst.count; ++i) {
    FinishAndAppend(context, adjacencies[burst.adjacencies[i]].port, burst.frames[i]);
  }
}

void FlushTransmitBuffers(WorkerContext& context) {
  for (const PortId id : context.waiting) {
    context.transmit[id].is_waiting = false;
    if (context.transmit[id].count > 0) Flush(context, id);
  }
  context.waiting.clear();
}

}  // namespace podwarp
