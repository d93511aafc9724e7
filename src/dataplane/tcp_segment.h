// TCP segments that podwarp makes itself: none of them has any payload.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>

#include "podwarp/net/flow_key.h"

namespace podwarp {

struct TcpSegment {
  FlowKey flow;  // source and destination as they stand in it
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = 0;
  uint8_t time_to_live = 64;
};

// Its MACs are zero. nullptr if the pool is empty.
rte_mbuf* MakeTcpSegment(const TcpSegment& segment, rte_mempool* pool);

}  // namespace podwarp
