// The ARP frames that podwarp sends of its own accord, on uplinks.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <optional>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/port/port.h"

namespace podwarp {

// All return nullptr if the pool is empty. Frames are 60 bytes, padded with zeros, and carry the
// port's VLAN.

// "Who has `target`?", from the port's own address (or 0.0.0.0, a probe, if it has none).
rte_mbuf* MakeArpRequest(const Port& port, Ipv4Address target, std::optional<MacAddress> to,
                         rte_mempool* pool);
// "`address` is at the port's MAC", to everybody, as a request or as a reply (RFC 5227, 3: some
// systems heed only the one, some only the other).
rte_mbuf* MakeArpAnnouncement(const Port& port, Ipv4Address address, bool as_reply,
                              rte_mempool* pool);
// From the virtual MAC to itself: switches learn from it where the MAC is and send it to nobody.
// For an uplink without an address of its own, which has nothing to announce.
rte_mbuf* MakeKeepAlive(const Port& port, rte_mempool* pool);

}  // namespace podwarp
