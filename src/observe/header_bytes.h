// Reading headers from the first bytes of a frame, as a trace has kept them: whatever somebody
// sent, cut anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "podwarp/net/headers.h"

namespace podwarp {

using HeaderBytes = std::span<const uint8_t>;

// Unset if it isn't all there.
template <typename Header>
std::optional<Header> HeaderIn(HeaderBytes bytes, size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes.data() + offset, sizeof(header));
  return header;
}

// What stands behind the Ethernet header and a VLAN tag.
struct EthernetPayload {
  uint16_t ether_type;
  uint16_t vlan_id;  // 0 = untagged
  size_t offset;
};
inline std::optional<EthernetPayload> FindPayload(HeaderBytes bytes) {
  const auto ethernet = HeaderIn<EthernetHeader>(bytes, 0);
  if (!ethernet.has_value()) return std::nullopt;
  EthernetPayload payload{ethernet->ether_type.host(), 0, sizeof(EthernetHeader)};
  if (payload.ether_type != kEtherTypeVlan) return payload;
  const auto tag = HeaderIn<VlanTag>(bytes, 2 * sizeof(MacAddress));
  const auto type = HeaderIn<Be16>(bytes, sizeof(EthernetHeader) + sizeof(Be16));
  if (!tag.has_value() || !type.has_value()) return std::nullopt;
  payload.vlan_id = tag->tci.host() & kVlanIdMask;
  payload.ether_type = type->host();
  payload.offset += sizeof(VlanTag);
  return payload;
}

}  // namespace podwarp
