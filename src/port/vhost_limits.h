// How many vhost-user ports there can be, and how large each.
//
// Source: lib/vhost of DPDK 22.11: fd_man.h (MAX_FDS), rte_vhost.h (RTE_MAX_VHOST_DEVICE).
#pragma once

#include <cstdint>

namespace podwarp {

// librte_vhost watches at most 1,024 descriptors: podwarp takes no more than these, and leaves the
// rest to connections that are about to be replaced.
inline constexpr unsigned kVhostPlaces = 1000;
// A server's socket is watched as well as its connection.
constexpr unsigned VhostPlaces(bool is_server) { return is_server ? 2 : 1; }

// A guest may have more queue pairs; podwarp never uses them.
inline constexpr uint16_t kMaxVhostQueuePairs = 16;

// Entries of a ring. librte_vhost would take 32,768 of each of 256 rings, and 50 bytes of DPDK's
// memory for each entry: one guest could take what others need.
inline constexpr uint32_t kMaxVhostRingEntries = 4096;
// It takes 32 frames at once from a ring that says it has them, however short the ring is, and
// notes them in an array as long as the ring.
inline constexpr uint32_t kMinVhostRingEntries = 32;

// DPDK's memory for a queue pair with rings of 1,024 entries, beside the frames' buffers.
inline constexpr unsigned kVhostQueuePairKib = 160;

}  // namespace podwarp
