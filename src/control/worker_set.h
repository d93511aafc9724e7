// The node's workers as the control thread sees them: who takes which receive queue.
//
// Thread rule: the control thread.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "podwarp/dataplane/worker.h"

namespace podwarp {

class WorkerSet {
 public:
  // At least one worker, all over the same tables.
  WorkerSet(std::vector<std::unique_ptr<Worker>> workers, Tables* tables)
      : workers_(std::move(workers)), tables_(*tables) {}

  // Each receive queue of the port goes to the worker that has the fewest, the first of equals: so
  // an uplink's queues, opened first, lie on different workers. Errors: those of Worker::AddQueue,
  // with nothing attached.
  absl::Status Attach(PortId port);
  // Nobody receives from the port any more, one grace period later.
  void Detach(PortId port);

  // Sends a whole frame that the control thread made. False, and the frame is freed, if the worker
  // is too busy.
  bool Send(PortId port, rte_mbuf* frame);

  void Stop();

  size_t size() const { return workers_.size(); }
  Worker& operator[](size_t i) { return *workers_[i]; }
  const Worker& operator[](size_t i) const { return *workers_[i]; }

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  Tables& tables_;
};

}  // namespace podwarp
