// All that the control thread writes and workers read, in one place.
#pragma once

#include <atomic>

#include "podwarp/port/port_set.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/node_settings.h"
#include "podwarp/table/pod_table.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/route_table.h"

namespace podwarp {

struct Tables {
  Tables(uint32_t workers, uint32_t adjacency_capacity);
  ~Tables();

  // The order matters: what is retired must run before its table goes.
  Rcu rcu;
  AdjacencyTable adjacencies;
  RouteTable routes;
  PortSet ports;
  PodTable pods;

  // --- Readers. Never nullptr. ---
  const NodeSettings& settings() const { return *settings_.load(std::memory_order_acquire); }
  // --- The writer. ---
  void SetSettings(const NodeSettings& settings);

 private:
  std::atomic<const NodeSettings*> settings_;
};

}  // namespace podwarp
