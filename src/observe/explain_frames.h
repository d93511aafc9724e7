// Frames as a sender would make them, for a rehearsal.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>

#include "podwarp/net/flow_key.h"
#include "podwarp/net/mac_address.h"

namespace podwarp {

struct MadeUpFrame {
  MacAddress to;
  MacAddress from;
  uint16_t vlan_id = 0;  // 0 = untagged; else as a device delivers it that strips tags
};

// "Who has `target`?", to everybody. nullptr if the pool is empty.
rte_mbuf* MakeUpArpRequest(const MadeUpFrame& frame, Ipv4Address sender, Ipv4Address target,
                           rte_mempool* pool);

struct MadeUpPacket {
  FlowKey flow{};
  uint8_t time_to_live = 64;
  bool dont_fragment = true;
  uint16_t bytes = 0;  // at least ShortestPacket()
};

// Of an IP packet with such a header and no payload. 0: a protocol that can't be made up.
uint16_t ShortestPacket(uint8_t protocol);
// An ICMP echo request, a TCP SYN, a UDP datagram or an SCTP INIT, filled up with zeros; all
// checksums are right.
// nullptr if the pool is empty. REQUIRES: the protocol is one of these.
rte_mbuf* MakeUpPacket(const MadeUpFrame& frame, const MadeUpPacket& packet, rte_mempool* pool);

}  // namespace podwarp
