// Bursts of frames over a packed ring.
//
// Thread rule: the worker that has the ring.
// Source: Virtual I/O Device 1.2, 2.8.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "port/vhost_ring.h"

namespace podwarp {

// As Port::Receive(), from a ring that the guest sends on. What can't be followed is given back to
// the guest, and nobody hears of it.
uint16_t ReceivePacked(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t capacity);

// As Port::Transmit(), to a ring that the guest receives on; but what was taken isn't freed.
uint16_t TransmitPacked(VhostRing& ring, rte_mbuf** frames, uint16_t count);

}  // namespace podwarp
