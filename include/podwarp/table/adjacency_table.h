// Everything needed to send a frame on its next hop, by index. A route's value is such an index.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  an entry is written while no route holds its index; the route that then points to it
//             is stored with release order. A published entry never changes: 32 bytes would tear. A
//             change is a new index, with the routes moved to it.
//   Reclaim:  Remove() returns the index to the free list after a grace period.
//
// The array never moves: it is reserved once as address space, and memory is touched only as
// entries are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/port_id.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/table_memory.h"

namespace podwarp {

// What stands behind an address, and so what becomes of a frame that is routed there and of an ARP
// request for it.
enum class NextHopKind : uint8_t {
  // Nothing is sent there as it is; what happens instead is decided off the fast way.
  kNone,             // outside the cluster: where to depends on who sends (NodeSettings)
  kUnowned,          // inside the cluster's ranges, but nobody has the address (yet)
  kReserved,         // nobody's, and nobody may claim it
  kLocal,            // podwarp itself: the gateway address
  kService,          // a service: no machine has it, its backends are elsewhere
  kExternalService,  // the same, by an address for callers on the wire too
  kOnLink,           // on an uplink's segment, not a node of the cluster, not asked for yet
  kUnresolved,       // on an uplink's segment, asked for; no answer yet
  // From here on an adjacency has a port and MACs.
  kPod,       // a pod on this node
  kHost,      // this node's own kernel, by the host port
  kNode,      // a remote node, and the pods on it
  kNeighbor,  // a host or router on an uplink's segment that is no node of the cluster
};
std::string_view ToString(NextHopKind kind);  // "pod", "on_link", ...

inline constexpr NextHopKind kFirstForwardable = NextHopKind::kPod;

using AdjacencyIndex = uint32_t;
inline constexpr int kAdjacencyIndexBits = 25;  // what a route's entry has room for

inline constexpr AdjacencyIndex kNoAdjacency = 0;  // always there, kind kNone: what no route means

// No entry's, and so no route's value: nothing leads there.
inline constexpr AdjacencyIndex kUnusedAdjacency = UINT32_MAX;

struct alignas(32) Adjacency {
  // As they stand at the start of a frame, so that one copy writes both.
  MacAddress destination;
  MacAddress source;
  PortId port = kNoPort;
  uint16_t mtu_bytes = 0;  // of the IP packet
  uint16_t vlan_id = 0;    // 0 = untagged
  NextHopKind kind = NextHopKind::kNone;
  uint8_t unused[5] = {};
  uint32_t owner = 0;  // number of the pod, node, ... in the control's tables, for reports
  uint32_t unused2 = 0;

  // Port, MTU, VLAN and kind in one word: all that decides whether a frame may go there.
  uint64_t way() const {
    uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(this) + kWayOffset, sizeof(word));
    return word;
  }
  static constexpr size_t kWayOffset = 2 * sizeof(MacAddress);
};
static_assert(sizeof(Adjacency) == 32 && offsetof(Adjacency, port) == Adjacency::kWayOffset &&
              offsetof(Adjacency, kind) < Adjacency::kWayOffset + sizeof(uint64_t));

class AdjacencyTable {
 public:
  // Room for `capacity` entries, entry 0 among them. CHECKs that the address space can be had and
  // that every index fits kAdjacencyIndexBits.
  AdjacencyTable(Rcu* rcu, uint32_t capacity);
  ~AdjacencyTable();
  AdjacencyTable(const AdjacencyTable&) = delete;
  AdjacencyTable& operator=(const AdjacencyTable&) = delete;

  // --- Readers. `index` comes from a route read since the last quiescent state. ---
  const Adjacency& operator[](AdjacencyIndex index) const { return entries_[index]; }
  const Adjacency* data() const { return entries_; }

  // --- The writer. ---
  // Errors: ResourceExhausted that names the capacity.
  absl::StatusOr<AdjacencyIndex> Add(const Adjacency& adjacency);
  // REQUIRES: no route holds `index` any more; index != kNoAdjacency.
  void Remove(AdjacencyIndex index);

  uint32_t size() const { return in_use_; }  // without entry 0; removed entries not counted
  uint32_t capacity() const { return capacity_; }

 private:
  Rcu* const rcu_;
  const uint32_t capacity_;
  TableMemory memory_;
  Adjacency* const entries_;
  uint32_t next_unused_ = 1;
  uint32_t in_use_ = 0;
  std::vector<AdjacencyIndex> free_;
};

}  // namespace podwarp
