// The unit of work: frames taken at once from one queue, with what the stages find out about them.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "podwarp/port/port.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/pod_table.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

// More frames at once fall out of the first-level cache; fewer pay too often for what is done once
// a burst.
inline constexpr uint16_t kBurstFrames = 64;

// Where a burst came from. Frames that podwarp makes have no port.
struct Ingress {
  PortId id = kNoPort;
  const Port* port = nullptr;
  const Pod* pod = nullptr;  // who is behind the port; nullptr on an uplink

  PortRole role() const { return port->settings().role; }
};

struct Burst {
  explicit Burst(const Ingress& from) : ingress(from) {}

  Ingress ingress;
  uint16_t count = 0;
  rte_mbuf* frames[kBurstFrames];
  uint32_t destinations[kBurstFrames];       // by Classify: IPv4, in the host's order
  AdjacencyIndex adjacencies[kBurstFrames];  // by Route

  bool full() const { return count == kBurstFrames; }
  void Add(rte_mbuf* frame) { frames[count++] = frame; }
  void Add(rte_mbuf* frame, uint32_t destination, AdjacencyIndex adjacency = kNoAdjacency) {
    destinations[count] = destination;
    adjacencies[count] = adjacency;
    frames[count++] = frame;
  }
};

}  // namespace podwarp
