// A worker that only plays: frames go the true stages' way over the true tables, and nothing comes
// of it but their traces.
//
// Thread rule: the control thread.
#pragma once

#include <rte_mempool.h>

#include <memory>
#include <vector>

#include "podwarp/dataplane/pipeline.h"
#include "podwarp/dataplane/trace.h"

namespace podwarp {

// It takes some 5 MiB. What one frame would have changed, the next one finds.
class Rehearsal {
 public:
  // Both outlive it.
  Rehearsal(Tables* tables, rte_mempool* pool);
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  // What becomes of the frame, which it takes, if `port` receives it: its own record first, then
  // those of what is made in answer to it or cut from it, in the order in which they were made.
  // REQUIRES: there is such a port.
  std::vector<TraceRecord> Play(PortId port, rte_mbuf* frame);

 private:
  Rcu rcu_{1};
  ConnectionTable connections_;
  WorkerCounters counters_;
  EventRing events_{kEventRingSize};
  WorkerContext context_;
  Pipeline pipeline_{&context_};
  const std::shared_ptr<TraceSession> session_;
  const Observers observers_;
};

}  // namespace podwarp
