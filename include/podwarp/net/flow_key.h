// One direction of a flow: what tells its frames from all others.
#pragma once

#include <bit>
#include <cstdint>

#include "podwarp/net/byte_order.h"
#include "podwarp/net/ip_address.h"

namespace podwarp {

// The first twelve bytes stand as they do in a packet: two addresses in the IP header, two ports in
// that of TCP, UDP or SCTP.
struct FlowKey {
  Ipv4Address source;
  Ipv4Address destination;
  Be16 source_port;
  Be16 destination_port;
  uint8_t protocol = 0;  // IpProtocol
  uint8_t unused[3] = {};

  // All that it is in two words, as they stand in memory. Keys that were just made are copied and
  // turned around as words: read at another width than they were written, they would have to wait
  // for their way to the cache.
  struct Words {
    uint64_t addresses;           // source, destination
    uint64_t ports_and_protocol;  // source port, destination port, protocol

    Words Reversed() const {
      const auto ports = static_cast<uint32_t>(ports_and_protocol);
      return {.addresses = std::rotl(addresses, 32),
              .ports_and_protocol = (ports_and_protocol >> 32 << 32) | std::rotl(ports, 16)};
    }
  };
  static FlowKey FromWords(const Words& words) { return std::bit_cast<FlowKey>(words); }
  Words words() const { return std::bit_cast<Words>(*this); }

  // Of the frames that come back.
  FlowKey Reversed() const { return FromWords(words().Reversed()); }

  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    const Words x = a.words();
    const Words y = b.words();
    return ((x.addresses ^ y.addresses) | (x.ports_and_protocol ^ y.ports_and_protocol)) == 0;
  }
};
static_assert(sizeof(FlowKey) == 16);

}  // namespace podwarp
