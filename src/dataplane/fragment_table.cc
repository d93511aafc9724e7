#include "podwarp/dataplane/fragment_table.h"

#include <algorithm>

namespace podwarp {

// The first of the four entries for it.
uint32_t FragmentTable::PlaceOf(const Ipv4Header* ip) {
  uint64_t mixed = uint64_t{ip->source.wire().raw()} << 32 | ip->destination.wire().raw();
  mixed ^= uint64_t{ip->identification.raw()} << 16 | ip->protocol;
  mixed *= 0x9e3779b97f4a7c15;  // 2^64 / the golden ratio
  return static_cast<uint32_t>(mixed >> 54) % (kPackets / kWays) * kWays;
}

// RFC 791 3.2: source, destination, protocol and identification tell a packet from others.
bool FragmentTable::IsOf(const Entry& entry, const Ipv4Header* ip, uint32_t now) {
  return entry.is_used && now - entry.since < kLifetime && entry.flow.source == ip->source &&
         entry.flow.destination == ip->destination && entry.flow.protocol == ip->protocol &&
         entry.identification == ip->identification.host();
}

void FragmentTable::Remember(const Ipv4Header* ip, const FlowKey& flow, uint32_t now) {
  Entry* const begin = &entries_[PlaceOf(ip)];
  Entry* const end = begin + kWays;
  Entry* place = std::find_if(begin, end, [&](const Entry& entry) { return IsOf(entry, ip, now); });
  if (place == end) {
    place = std::max_element(begin, end, [now](const Entry& a, const Entry& b) {
      const auto age = [now](const Entry& entry) {
        return entry.is_used ? now - entry.since : UINT32_MAX;
      };
      return age(a) < age(b);
    });
  }
  *place = {flow, ip->identification.host(), true, now};
}

std::optional<FlowKey> FragmentTable::Find(const Ipv4Header* ip, uint32_t now) const {
  const Entry* const begin = &entries_[PlaceOf(ip)];
  const Entry* const end = begin + kWays;
  const Entry* found =
      std::find_if(begin, end, [&](const Entry& entry) { return IsOf(entry, ip, now); });
  if (found == end) return std::nullopt;
  return found->flow;
}

}  // namespace podwarp
