#include "dataplane/drop.h"

namespace podwarp {

void Drop(WorkerContext& context, PortId port, rte_mbuf* frame, DropReason reason) {
  const auto index = static_cast<size_t>(reason);
  context.counters.drops[index].Add(1);
  context.counters.last_drop_port[index].store(port, std::memory_order_relaxed);
  context.counters.DropsOf(port, reason).Add(1);
  context.observation.Dropped(port, frame, reason);
  rte_pktmbuf_free(frame);
}

void Consume(WorkerContext& context, rte_mbuf* frame) {
  context.counters.consumed.Add(1);
  context.observation.Consumed(frame);
  rte_pktmbuf_free(frame);
}

}  // namespace podwarp
