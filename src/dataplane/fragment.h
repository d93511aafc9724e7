// Cutting a packet that is larger than the next hop's MTU (RFC 791, 3.2).
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>

namespace podwarp {

// Copies `frame`, an Ethernet frame with an IPv4 packet without DF, into fragments of at most
// `mtu_bytes`, each an Ethernet frame with the same Ethernet header in a single mbuf of `pool`.
// Returns how many; 0 if it can't be done (more than `capacity` fragments, or a fragment already
// that ends past the 65535 bytes that a packet can have), -1 if `pool` has too few buffers. `frame`
// stays as it is.
int Fragment(rte_mbuf* frame, uint16_t mtu_bytes, rte_mempool* pool, rte_mbuf** fragments,
             uint16_t capacity);

}  // namespace podwarp
