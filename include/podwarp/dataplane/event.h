// What workers tell the control thread: values in a ring, never pointers into tables.
#pragma once

#include <cstdint>

#include "podwarp/dataplane/value_ring.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

enum class EventKind : uint8_t {
  kNeighborAnswered,  // `address` on uplink `port` has `mac`
  kNeighborWanted,    // a frame waits for `address`, on some uplink's segment
  kAddressAlive,      // rule 3: the pod behind `port` announced its own `address`
  kAddressConflict,   // rule 3: `mac` on `port` claims `address`, which somebody else has
  kPodArrived,        // rule 8: RARP of the pod behind `port`: it lives here now
};

struct Event {
  EventKind kind;
  uint8_t unused = 0;
  PortId port;
  Ipv4Address address;
  MacAddress mac;
  uint16_t unused2 = 0;
};
static_assert(sizeof(Event) == 16);

using EventRing = ValueRing<Event>;
inline constexpr unsigned kEventRingSize = 1024;

}  // namespace podwarp
