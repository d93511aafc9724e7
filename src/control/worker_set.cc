#include "control/worker_set.h"

#include <algorithm>

namespace podwarp {

absl::Status WorkerSet::Attach(PortId port) {
  const uint16_t queues = tables_.ports.Get(port)->settings().receive_queues;
  for (uint16_t queue = 0; queue < queues; ++queue) {
    const auto idlest =
        std::min_element(workers_.begin(), workers_.end(),
                         [](const auto& a, const auto& b) { return a->queues() < b->queues(); });
    if (absl::Status status = (*idlest)->AddQueue(port, queue); !status.ok()) {
      Detach(port);
      return status;
    }
  }
  return absl::OkStatus();
}

void WorkerSet::Detach(PortId port) {
  for (const auto& worker : workers_) worker->RemoveQueues(port);
}

bool WorkerSet::Send(PortId port, rte_mbuf* frame) {
  if (workers_.front()->Inject(port, frame)) return true;
  rte_pktmbuf_free(frame);
  return false;
}

void WorkerSet::Stop() {
  for (const auto& worker : workers_) worker->Stop();
}

}  // namespace podwarp
