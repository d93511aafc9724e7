// All that the control thread writes and workers read, in one place.
#pragma once

#include <atomic>

#include "podwarp/dataplane/observers.h"
#include "podwarp/port/port_set.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/connection_table.h"
#include "podwarp/table/node_settings.h"
#include "podwarp/table/pod_table.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/route_table.h"
#include "podwarp/table/service_table.h"

namespace podwarp {

struct Tables {
  static constexpr uint32_t kFewConnections = 1024;  // enough for tests

  Tables(uint32_t workers, uint32_t adjacency_capacity,
         uint32_t connection_capacity = kFewConnections);
  ~Tables();

  // The order matters: what is retired must run before its table goes.
  Rcu rcu;
  AdjacencyTable adjacencies;
  RouteTable routes;
  PortSet ports;
  PodTable pods;
  ServiceTable services;
  ConnectionTable connections;

  // --- Readers. Never nullptr. ---
  const NodeSettings& settings() const { return *settings_.load(std::memory_order_acquire); }
  // nullptr: nobody watches.
  const Observers* observers() const { return observers_.load(std::memory_order_acquire); }
  // --- The writer. ---
  void SetSettings(const NodeSettings& settings);
  // An empty list is published as none.
  void SetObservers(Observers observers);

 private:
  std::atomic<const NodeSettings*> settings_;
  std::atomic<const Observers*> observers_{nullptr};
};

}  // namespace podwarp
