// A worker's eye on its frames: what each stage costs, how long a frame takes, and whatever
// observers want to know. While nobody watches, it costs a comparison for each stage of a burst.
//
// Thread rule: the worker's own.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/mark.h"
#include "podwarp/dataplane/observers.h"
#include "podwarp/dataplane/stage.h"
#include "podwarp/dataplane/tables.h"
#include "podwarp/telemetry/counters.h"

namespace podwarp {

class Observation {
 public:
  // Both outlive it.
  Observation(uint16_t worker, const Tables* tables, WorkerCounters* counters);
  ~Observation();
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  // `observers` may be nullptr: nobody. It is valid until the round ends.
  void BeginRound(const Observers* observers) {
    observers_ = observers;
    is_active_ = observers != nullptr;
    has_timed_ = false;
  }
  // Everything has been handed to the ports.
  void EndRound() {
    if (is_active_) [[unlikely]]
      EndRoundObserved();
  }
  // Around Port::Receive(). Received() is for bursts that have frames, and EndBurst() for when they
  // have gone their way, up to the transmit buffers.
  void BeforeReceive() {
    if (until_timed_ == 0) [[unlikely]]
      StartClock();
  }
  void Received(Burst& burst) {
    if ((until_timed_ == 0) | is_active_) [[unlikely]] {
      ReceivedObserved(burst);
    } else {
      --until_timed_;
    }
  }
  void EndBurst() {
    if (is_active_) [[unlikely]]
      EndBurstObserved();
  }
  // The burst comes to the stage. It has been routed if the stage is behind Route.
  void Enter(Stage stage, const Burst& burst) {
    if (is_active_) [[unlikely]]
      EnterObserved(stage, burst);
  }
  // `made` was made in answer to `cause`, or is a part of it.
  void Made(rte_mbuf* cause, rte_mbuf* made) {
    if (is_active_) [[unlikely]]
      MadeObserved(cause, made);
  }
  // Around handing frames to a port. `is_tried`: it will be asked to take them; what it took isn't
  // to be looked at any more. What it didn't take is dropped between Sent() and EndSending().
  void Sending(PortId port, rte_mbuf* const* frames, uint16_t count, bool is_tried) {
    if (is_active_) [[unlikely]]
      SendingObserved(port, frames, count, is_tried);
  }
  void Sent(uint16_t sent) {
    if (is_active_) [[unlikely]]
      SentObserved(sent);
  }
  void EndSending() {
    if (is_active_) [[unlikely]]
      stage_ = leaving_->stage_before;
  }
  // Before a frame is freed.
  void Dropped(PortId port, rte_mbuf* frame, DropReason reason) {
    if (is_active_) [[unlikely]]
      DroppedObserved(port, frame, reason);
  }
  void Consumed(rte_mbuf* frame) {
    if (is_active_) [[unlikely]]
      ConsumedObserved(frame);
  }

 private:
  static constexpr uint16_t kTraceSlots = 64;  // frames that can be followed at once

  // A frame that is being followed.
  struct Slot {
    bool is_used = false;
    // Who wants it, a bit for each of Observers::traces: whatever becomes of it, or only if it ends
    // as their filter says.
    uint8_t sessions = 0;
    uint8_t tentative = 0;
    uint8_t made = 0;  // frames in answer to it, or parts of it, that are followed too
    TraceRecord record;
  };
  // What lies between Sending() and Sent().
  struct Leaving {
    PortId port;
    uint16_t count;
    bool is_tried;
    Stage stage_before;
    rte_mbuf* const* frames;
    Mark marks[kBurstFrames];  // taken off the frames
    // Of their copies, in the captures' rings.
    RecordRing::Position positions[kMaxCaptures][kBurstFrames];
    uint64_t start;  // TSC
  };

  void StartClock();
  void EndRoundObserved();
  void ReceivedObserved(Burst& burst);
  void EndBurstObserved();
  void EnterObserved(Stage stage, const Burst& burst);
  void SendingObserved(PortId port, rte_mbuf* const* frames, uint16_t count, bool is_tried);
  void SentObserved(uint16_t sent);
  void DroppedObserved(PortId port, rte_mbuf* frame, DropReason reason);
  void ConsumedObserved(rte_mbuf* frame);
  // What has passed since the clock was last looked at was the present stage's.
  void Charge();
  void Count(Stage stage, uint16_t frames);
  // From Transmit on a drop's port is the one by which the frame was to leave.
  bool is_leaving() const { return stage_ >= Stage::kTransmit; }

  // observation_trace.cc
  void Choose(const Burst& burst);
  Slot* Follow(rte_mbuf* frame, PortId port, uint64_t cause);
  Slot* SlotOf(rte_mbuf* frame);
  void MadeObserved(rte_mbuf* cause, rte_mbuf* made);
  void Pass(Slot* slot, Stage next, const Burst& burst, uint16_t i);
  void PassToPort(Slot* slot, PortId port, rte_mbuf* frame);
  void NextStep(Slot* slot, Stage next);
  void Finish(Slot& slot, TraceVerdict verdict);
  // Those sessions that don't know of it: a bit for each that does.
  void TellPartial(PortId port, rte_mbuf* frame, DropReason reason, uint8_t knowing);
  static void Describe(rte_mbuf* frame, TraceStep* step);

  // observation_capture.cc
  void CaptureReceived(const Burst& burst);
  void CaptureLeaving();
  void PublishLeft(uint16_t sent);
  void CaptureDropped(PortId port, rte_mbuf* frame, DropReason reason);

  const uint16_t worker_;
  const Tables& tables_;
  WorkerCounters& counters_;
  const Observers* observers_ = nullptr;
  bool is_active_ = false;              // in this round there is something to be observed
  bool has_timed_ = false;              // there was a timed burst in this round
  bool is_timed_ = false;               // it is this one
  uint32_t until_timed_ = kTimedEvery;  // bursts
  Stage stage_ = Stage::kReceive;
  uint64_t last_charged_ = 0;  // TSC
  uint64_t followed_ = 0;      // frames
  uint16_t in_use_ = 0;        // slots
  uint16_t next_slot_ = 0;
  std::vector<Slot> slots_;
  const std::unique_ptr<Leaving> leaving_;
};

}  // namespace podwarp
