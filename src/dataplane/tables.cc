#include "podwarp/dataplane/tables.h"

#include <utility>

namespace podwarp {

Tables::Tables(uint32_t workers, uint32_t adjacency_capacity, uint32_t connection_capacity)
    : rcu(workers),
      adjacencies(&rcu, adjacency_capacity),
      routes(&rcu),
      ports(&rcu),
      pods(&rcu),
      services(&rcu),
      connections(&rcu, connection_capacity, workers),
      settings_(new NodeSettings) {}

Tables::~Tables() {
  rcu.Synchronize();
  delete settings_.load();
  delete observers_.load();
}

void Tables::SetSettings(const NodeSettings& settings) {
  rcu.RetireObject(settings_.exchange(new NodeSettings(settings), std::memory_order_acq_rel));
}

void Tables::SetObservers(Observers observers) {
  const Observers* next = observers.empty() ? nullptr : new Observers(std::move(observers));
  rcu.RetireObject(observers_.exchange(next, std::memory_order_acq_rel));
}

}  // namespace podwarp
