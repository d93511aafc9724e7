// A frame's way through podwarp, for one worker.
//
// Thread rule: a Pipeline belongs to one worker thread. It reads the tables; the caller keeps them
// valid: it is online in Tables::rcu and reports a quiescent state only between calls.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <vector>

#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/event.h"
#include "podwarp/dataplane/fragment_table.h"
#include "podwarp/dataplane/observation.h"
#include "podwarp/dataplane/rate_limiter.h"
#include "podwarp/dataplane/tables.h"
#include "podwarp/telemetry/counters.h"

namespace podwarp {

// Where frames wait for the end of the round, for one port.
struct TransmitBuffer {
  uint16_t count = 0;
  bool is_waiting = false;  // listed in WorkerContext::waiting
  rte_mbuf* frames[kBurstFrames];
};

struct RateLimits {
  Rate arp;          // of each port
  Rate icmp_errors;  // of the worker
  // Of the worker: neighbours that others than the kernel want.
  Rate neighbors = Rate::Unlimited();
};

// How frames are examined: src/dataplane/plain_frames.h.
struct PlainHeaders;
using PlainFrameFinder = uint64_t (*)(const PlainHeaders& plain, Burst& burst);
PlainFrameFinder BestPlainFrameFinder();  // for this processor

// What the stages share.
struct WorkerContext {
  uint16_t worker;
  Tables& tables;
  WorkerCounters& counters;
  EventRing& events;
  rte_mempool* pool;  // for frames that podwarp makes
  RateLimits limits;
  PlainFrameFinder find_plain_frames = BestPlainFrameFinder();
  uint64_t now = 0;  // TSC at the start of the round

  std::vector<TransmitBuffer> transmit = std::vector<TransmitBuffer>(kMaxPorts);
  std::vector<PortId> waiting;  // ports that were sent to in this round, each once
  std::vector<RateLimiter> arp_limiters = std::vector<RateLimiter>(kMaxPorts);
  RateLimiter icmp_error_limiter;
  RateLimiter neighbor_limiter;
  FragmentTable fragments;
  uint16_t next_ip_identification = 0;
  Observation observation{worker, &tables, &counters};

  // A rehearsal: no port is handed anything, and connections are its own, a ConnectionTable with
  // the tables' behind it.
  bool is_rehearsal = false;
  ConnectionTable* connections = &tables.connections;

  void Tell(const Event& event) {
    if (!events.Put(event)) counters.events_lost.Add(1);
  }
};

class Pipeline {
 public:
  // All of `context` outlives the pipeline.
  explicit Pipeline(WorkerContext* context);

  // A round: any number of Process() and Send(), then one Flush().
  void BeginRound(uint64_t now) { BeginRound(now, context_.tables.observers()); }
  // Takes all frames that `port` has for `queue`, up to a burst, the whole way to the transmit
  // buffers. Returns how many there were.
  uint16_t Process(PortId port, uint16_t queue);
  // Sends a whole frame that podwarp made itself, as it is.
  void Send(PortId port, rte_mbuf* frame);
  // Hands what waits to the ports.
  void Flush();

  // A round of its own, in a rehearsal: the frame goes the whole way, as if the port had received
  // it. The caller is the control thread, which keeps the tables valid by not changing them.
  // REQUIRES: there is such a port, and WorkerContext::is_rehearsal.
  void Rehearse(uint64_t now, PortId port, rte_mbuf* frame, const Observers* observers);

 private:
  void BeginRound(uint64_t now, const Observers* observers) {
    context_.now = now;
    context_.observation.BeginRound(observers);
  }
  void ProcessReceived(Burst& burst);

  WorkerContext& context_;
};

}  // namespace podwarp
