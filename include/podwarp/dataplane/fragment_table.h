// The ports of fragmented packets: only the first fragment has them, and the others must follow it.
//
// Each worker has a table of its own: fragments of a packet come in by one queue. It is bounded: of
// four packets whose fragments fall into one place the oldest is forgotten for a fifth. Fragments
// that overtake their first one are not waited for.
//
// Thread rule: one worker.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "podwarp/net/flow_key.h"
#include "podwarp/net/headers.h"

namespace podwarp {

class FragmentTable {
 public:
  static constexpr uint32_t kPackets = 4096;
  // Ticks (connection_table.h), some 30 s: as long as Linux waits for a packet's fragments.
  static constexpr uint32_t kLifetime = 600;

  FragmentTable() : entries_(kPackets) {}

  // `flow` is that of the packet whose first fragment has the header `ip`.
  void Remember(const Ipv4Header* ip, const FlowKey& flow, uint32_t now);
  // The flow of the packet that a later fragment with the header `ip` belongs to.
  std::optional<FlowKey> Find(const Ipv4Header* ip, uint32_t now) const;

 private:
  static constexpr uint32_t kWays = 4;

  struct Entry {
    FlowKey flow;
    uint16_t identification = 0;
    bool is_used = false;
    uint32_t since = 0;
  };

  static uint32_t PlaceOf(const Ipv4Header* ip);
  static bool IsOf(const Entry& entry, const Ipv4Header* ip, uint32_t now);

  std::vector<Entry> entries_;
};

}  // namespace podwarp
