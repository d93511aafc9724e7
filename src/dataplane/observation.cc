// Theory of operation
//
// A frame that is observed carries a Mark: when it was received, if its latency is measured, and
// the slot in which its trace is written down, if it is followed. Frames don't outlive a round, so
// a few slots are enough, and each is given back in the round in which it was taken.
//
// Stages are timed by looking at the clock where a burst comes to the next one: what has passed
// since was the last one's. Ports' work is charged to Receive and Send.
#include "podwarp/dataplane/observation.h"

#include <rte_cycles.h>

#include "podwarp/dataplane/mark.h"

namespace podwarp {

Observation::Observation(uint16_t worker, const Tables* tables, WorkerCounters* counters)
    : worker_(worker),
      tables_(*tables),
      counters_(*counters),
      slots_(kTraceSlots),
      leaving_(std::make_unique<Leaving>()) {}

Observation::~Observation() = default;

void Observation::StartClock() { last_charged_ = rte_rdtsc(); }

void Observation::Charge() {
  const uint64_t now = rte_rdtsc();
  counters_.stages[static_cast<size_t>(stage_)].cycles.Add(now - last_charged_);
  last_charged_ = now;
}

void Observation::Count(Stage stage, uint16_t frames) {
  if (frames == 0) return;
  StageCounters& counters = counters_.stages[static_cast<size_t>(stage)];
  counters.bursts.Add(1);
  counters.frames.Add(frames);
}

void Observation::ReceivedObserved(Burst& burst) {
  stage_ = Stage::kReceive;
  if (until_timed_ == 0) {
    until_timed_ = kTimedEvery;
    is_active_ = has_timed_ = is_timed_ = true;
    Charge();
    Count(Stage::kReceive, burst.count);
    SetMark(burst.frames[0], {.received = last_charged_, .slot = Mark::kNoSlot});
  }
  --until_timed_;
  if (observers_ == nullptr) return;
  CaptureReceived(burst);
  Choose(burst);
  if (is_timed_) StartClock();
}

void Observation::EndBurstObserved() {
  if (is_timed_) Charge();
  is_timed_ = false;
}

void Observation::EnterObserved(Stage stage, const Burst& burst) {
  if (is_timed_) {
    Charge();
    Count(stage, burst.count);
  }
  stage_ = stage;
  if (in_use_ == 0) return;
  for (uint16_t i = 0; i < burst.count; ++i) {
    if (Slot* slot = SlotOf(burst.frames[i])) Pass(slot, stage, burst, i);
  }
}

// A frame that lost its mark on its way leaves its slot behind.
void Observation::EndRoundObserved() {
  if (in_use_ != 0) {
    for (Slot& slot : slots_) slot.is_used = false;
    in_use_ = 0;
  }
  observers_ = nullptr;
  is_active_ = has_timed_ = is_timed_ = false;
}

void Observation::SendingObserved(PortId port, rte_mbuf* const* frames, uint16_t count,
                                  bool is_tried) {
  if (is_timed_) Charge();
  Leaving& leaving = *leaving_;
  leaving.stage_before = stage_;
  stage_ = Stage::kSend;
  leaving.frames = frames;
  leaving.count = count;
  leaving.port = port;
  leaving.is_tried = is_tried;
  for (uint16_t i = 0; i < count; ++i) {
    leaving.marks[i] = {.received = 0, .slot = Mark::kNoSlot};
    if (!HasMark(frames[i])) continue;
    if (Slot* slot = SlotOf(frames[i])) PassToPort(slot, port, frames[i]);
    if (!is_tried) continue;
    // A device may hand the buffer on to somebody else as it is.
    leaving.marks[i] = *MarkOf(frames[i]);
    ClearMark(frames[i]);
  }
  if (!is_tried) return;
  if (observers_ != nullptr) CaptureLeaving();
  if (has_timed_) leaving.start = rte_rdtsc();
}

void Observation::SentObserved(uint16_t sent) {
  const Leaving& leaving = *leaving_;
  if (!leaving.is_tried) return;
  if (has_timed_) {
    last_charged_ = rte_rdtsc();
    counters_.stages[static_cast<size_t>(Stage::kSend)].cycles.Add(last_charged_ - leaving.start);
    Count(Stage::kSend, leaving.count);
  }
  if (observers_ != nullptr) PublishLeft(sent);
  for (uint16_t i = 0; i < leaving.count; ++i) {
    const Mark& mark = leaving.marks[i];
    if (i >= sent) {
      if (mark.slot != Mark::kNoSlot) SetMark(leaving.frames[i], mark);
      continue;
    }
    if (mark.received != 0) counters_.latency.Add(last_charged_ - mark.received);
    if (mark.slot != Mark::kNoSlot) Finish(slots_[mark.slot], TraceVerdict::kSent);
  }
}

void Observation::DroppedObserved(PortId port, rte_mbuf* frame, DropReason reason) {
  if (observers_ == nullptr) return;
  CaptureDropped(port, frame, reason);
  uint8_t knowing = 0;
  if (Slot* slot = SlotOf(frame)) {
    knowing = slot->sessions | slot->tentative;
    TraceStep& last = slot->record.steps[slot->record.step_count - 1];
    last.reason = reason;
    if (is_leaving()) last.port = port;
    Describe(frame, &last);
    Finish(*slot, TraceVerdict::kDropped);
  }
  TellPartial(port, frame, reason, knowing);
}

void Observation::ConsumedObserved(rte_mbuf* frame) {
  Slot* slot = SlotOf(frame);
  if (slot == nullptr) return;
  Describe(frame, &slot->record.steps[slot->record.step_count - 1]);
  Finish(*slot, TraceVerdict::kConsumed);
}

}  // namespace podwarp
