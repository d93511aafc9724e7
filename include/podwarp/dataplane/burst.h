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
  bool is_relayed = false;   // the node sends them on in its own name, whoever they came from

  PortRole role() const { return port->settings().role; }
};

// What is true of the frames of a burst together, so that nobody needs to ask each of them. A burst
// that was not looked at yet may hold anything.
struct BurstTraits {
  uint64_t flags = UINT64_MAX;  // rte_mbuf::ol_flags of all, or'ed
  uint16_t segments =
      UINT16_MAX;  // rte_mbuf::nb_segs of all, or'ed: 1 if each is whole in one mbuf
  uint32_t longest_bytes = UINT32_MAX;
  uint64_t bytes = 0;  // of all that were looked at, without frame check sequence

  static BurstTraits OfNone() { return {.flags = 0, .segments = 0, .longest_bytes = 0}; }
  void Include(const rte_mbuf* frame) {
    const uint32_t frame_bytes = rte_pktmbuf_pkt_len(frame);
    flags |= frame->ol_flags;
    segments |= frame->nb_segs;
    if (frame_bytes > longest_bytes) longest_bytes = frame_bytes;
    bytes += frame_bytes;
  }
};

struct Burst {
  explicit Burst(const Ingress& from) : ingress(from) {}

  Ingress ingress;
  uint16_t count = 0;
  BurstTraits traits;  // by Classify; frames that leave the burst later still count
  rte_mbuf* frames[kBurstFrames];
  uint32_t destinations[kBurstFrames];       // by Classify: IPv4, in the host's order
  AdjacencyIndex adjacencies[kBurstFrames];  // by Route

  // By Rewrite: the port by which all frames leave; kNoPort: several, or nobody has looked.
  PortId egress = kNoPort;

  bool full() const { return count == kBurstFrames; }
  void Add(rte_mbuf* frame) { frames[count++] = frame; }
  void Add(rte_mbuf* frame, uint32_t destination, AdjacencyIndex adjacency = kNoAdjacency) {
    destinations[count] = destination;
    adjacencies[count] = adjacency;
    frames[count++] = frame;
  }
};

// The first `count` frames of a burst, a bit for each.
inline uint64_t FirstFrames(uint16_t count) {
  return count == 64 ? UINT64_MAX : (uint64_t{1} << count) - 1;
}
static_assert(kBurstFrames <= 64);

}  // namespace podwarp
