// Following frames: from being chosen to being told.
#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "dataplane/flow_headers.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/dataplane/mark.h"
#include "podwarp/dataplane/observation.h"

namespace podwarp {
namespace {

// Of the pieces of one frame, so that those of large ones don't use up slots and readers.
constexpr uint8_t kMostMade = 8;

uint32_t CyclesSince(uint64_t start) {
  return static_cast<uint32_t>(std::min<uint64_t>(rte_rdtsc() - start, UINT32_MAX));
}

// Before Classify nothing is known of the headers, and what it drops is none that it knows.
bool IsWholeIpv4(rte_mbuf* frame) {
  const auto* ip = HeaderAt<Ipv4Header>(frame, kEthernetHeaderBytes);
  return ip != nullptr && ip->version() == 4 && ip->header_bytes() >= sizeof(Ipv4Header) &&
         kEthernetHeaderBytes + ip->header_bytes() <= rte_pktmbuf_data_len(frame);
}

// The record as far as it is filled in.
void Write(const TraceRecord& record, RecordRing& ring) {
  const auto bytes = static_cast<uint32_t>(TraceRecordBytes(record.step_count));
  std::byte* const place = ring.Reserve(bytes);
  if (place == nullptr) return;
  std::memcpy(place, &record, bytes);
  ring.Publish();
}

void Begin(rte_mbuf* frame, PortId port, TraceRecord* record) {
  record->received = rte_rdtsc();
  record->frame_bytes = rte_pktmbuf_pkt_len(frame);
  record->port = port;
  record->header_bytes =
      static_cast<uint16_t>(std::min<size_t>(rte_pktmbuf_data_len(frame), kTraceHeaderBytes));
  std::memcpy(record->headers, rte_pktmbuf_mtod(frame, const void*), record->header_bytes);
  record->is_partial = false;
  record->step_count = 1;
}

TraceStep StepAt(Stage stage) {
  TraceStep step{};
  step.stage = stage;
  step.port = kNoPort;
  step.next_hop_port = kNoPort;
  return step;
}

}  // namespace

Observation::Slot* Observation::SlotOf(rte_mbuf* frame) {
  if (!HasMark(frame) || MarkOf(frame)->slot == Mark::kNoSlot) return nullptr;
  return &slots_[MarkOf(frame)->slot];
}

void Observation::Describe(rte_mbuf* frame, TraceStep* step) {
  const auto* ethernet = HeaderAt<EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return;
  step->destination_mac = ethernet->destination;
  step->source_mac = ethernet->source;
  step->ether_type = ethernet->ether_type.host();
  if (step->ether_type != kEtherTypeIpv4 || !IsWholeIpv4(frame)) return;
  step->time_to_live = Ipv4Of(frame)->time_to_live;
  ReadFlow(frame, &step->flow);
}

void Observation::Choose(const Burst& burst) {
  const uint64_t now = rte_rdtsc();
  const std::vector<std::shared_ptr<TraceSession>>& traces = observers_->traces;
  for (size_t s = 0; s < traces.size(); ++s) {
    TraceSession& session = *traces[s];
    TraceSession::PerWorker& mine = session.worker(worker_);
    for (uint16_t i = 0; i < burst.count; ++i) {
      if (!session.filter().MayMatch(burst.ingress.id, burst.frames[i])) continue;
      if (!mine.followed.Pass(session.rate(), now)) break;
      Slot* slot = SlotOf(burst.frames[i]);
      if (slot == nullptr) slot = Follow(burst.frames[i], burst.ingress.id, 0);
      if (slot == nullptr) break;
      uint8_t& wanted = session.filter().depends_on_end() ? slot->tentative : slot->sessions;
      wanted = static_cast<uint8_t>(wanted | 1u << s);
    }
  }
}

// nullptr if as many are followed as can be.
Observation::Slot* Observation::Follow(rte_mbuf* frame, PortId port, uint64_t cause) {
  if (in_use_ == kTraceSlots) return nullptr;
  while (slots_[next_slot_].is_used) {
    next_slot_ = static_cast<uint16_t>((next_slot_ + 1) % kTraceSlots);
  }
  Slot& slot = slots_[next_slot_];
  slot.is_used = true;
  slot.sessions = slot.tentative = slot.made = 0;
  Begin(frame, port, &slot.record);
  slot.record.number = ++followed_;
  slot.record.cause = cause;
  slot.record.worker = worker_;
  slot.record.steps[0] = StepAt(stage_);
  ++in_use_;
  SetMark(frame, {.received = HasMark(frame) ? MarkOf(frame)->received : 0, .slot = next_slot_});
  return &slot;
}

void Observation::MadeObserved(rte_mbuf* cause, rte_mbuf* made) {
  Slot* parent = SlotOf(cause);
  if (parent == nullptr || parent->made == kMostMade) return;
  ++parent->made;
  Slot* child = Follow(made, kNoPort, parent->record.number);
  if (child == nullptr) return;
  child->sessions = parent->sessions;
  child->tentative = parent->tentative;
}

// The last step is over, and the next begins. Too many steps: the last one is overwritten.
void Observation::NextStep(Slot* slot, Stage next) {
  TraceRecord& record = slot->record;
  TraceStep& last = record.steps[record.step_count - 1];
  last.verdict = TraceVerdict::kPassed;
  last.cycles = CyclesSince(record.received);
  const TraceStep before = last;
  if (record.step_count < kMaxTraceSteps) ++record.step_count;
  TraceStep& step = record.steps[record.step_count - 1];
  // What isn't known anew at its end is as it was before.
  step = before;
  step.stage = next;
}

void Observation::Pass(Slot* slot, Stage next, const Burst& burst, uint16_t i) {
  TraceStep& last = slot->record.steps[slot->record.step_count - 1];
  Describe(burst.frames[i], &last);
  last.is_relayed = burst.ingress.is_relayed;
  if (next > Stage::kRoute && last.stage != Stage::kAnswerArp) {
    const Adjacency& adjacency = tables_.adjacencies[burst.adjacencies[i]];
    last.adjacency = burst.adjacencies[i];
    last.kind = adjacency.kind;
    last.next_hop_port = adjacency.port;
    last.mtu_bytes = adjacency.mtu_bytes;
  }
  NextStep(slot, next);
}

void Observation::PassToPort(Slot* slot, PortId port, rte_mbuf* frame) {
  TraceStep& last = slot->record.steps[slot->record.step_count - 1];
  Describe(frame, &last);
  last.port = port;
  NextStep(slot, Stage::kSend);
}

// Tells those who want to know. What was made in answer to it is told to the same.
void Observation::Finish(Slot& slot, TraceVerdict verdict) {
  TraceRecord& record = slot.record;
  TraceStep& last = record.steps[record.step_count - 1];
  last.verdict = verdict;
  last.cycles = CyclesSince(record.received);
  const std::vector<std::shared_ptr<TraceSession>>& traces = observers_->traces;
  for (size_t s = 0; s < traces.size(); ++s) {
    const auto bit = static_cast<uint8_t>(1u << s);
    const bool ends_as_wanted = (slot.tentative & bit) != 0 && verdict == TraceVerdict::kDropped &&
                                traces[s]->filter().WantsDrop(last.reason);
    if ((slot.sessions & bit) == 0 && !ends_as_wanted) continue;
    slot.sessions = static_cast<uint8_t>(slot.sessions | bit);
    Write(record, traces[s]->worker(worker_).ring);
  }
  slot.is_used = false;
  --in_use_;
  if (in_use_ == 0 || slot.sessions == 0) return;
  for (Slot& other : slots_) {
    if (other.is_used && other.record.cause == record.number) {
      other.sessions = static_cast<uint8_t>(other.sessions | slot.sessions);
    }
  }
}

void Observation::TellPartial(PortId port, rte_mbuf* frame, DropReason reason, uint8_t knowing) {
  for (const std::shared_ptr<TraceSession>& session : observers_->traces) {
    const bool knows = (knowing & 1) != 0;
    knowing = static_cast<uint8_t>(knowing >> 1);
    const TraceFilter& filter = session->filter();
    if (knows || !filter.depends_on_end() || !filter.WantsDrop(reason)) continue;
    // By which port a frame that leaves came in isn't known any more.
    if (!filter.MayMatch(is_leaving() ? kNoPort : port, frame)) continue;
    TraceSession::PerWorker& mine = session->worker(worker_);
    if (!mine.partial.Pass(session->partial_rate(), rte_rdtsc())) continue;
    TraceRecord record;
    Begin(frame, is_leaving() ? kNoPort : port, &record);
    record.number = ++followed_;
    record.cause = 0;
    record.worker = worker_;
    record.is_partial = true;
    record.steps[0] = StepAt(stage_);
    record.steps[0].verdict = TraceVerdict::kDropped;
    record.steps[0].reason = reason;
    if (is_leaving()) record.steps[0].port = port;
    Describe(frame, &record.steps[0]);
    Write(record, mine.ring);
  }
}

}  // namespace podwarp
