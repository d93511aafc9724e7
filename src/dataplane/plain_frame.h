// One frame: is it plain? For plain_frames.h only.
#pragma once

#include <cstring>

#include "dataplane/plain_frames.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {

// Ethernet and IP without options, as far as they must lie in the first segment.
inline constexpr uint16_t kPlainHeaderBytes = kEthernetHeaderBytes + sizeof(Ipv4Header);

template <typename Word>
[[gnu::always_inline]] inline Word Load(const void* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

inline bool PlainChecksumIsRight(const rte_mbuf* frame, const Ipv4Header* ip) {
  const uint64_t verdict = frame->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
  if (verdict == RTE_MBUF_F_RX_IP_CKSUM_GOOD) return true;
  return verdict != RTE_MBUF_F_RX_IP_CKSUM_BAD && Ipv4ChecksumIsRight(ip);
}

inline uint16_t VlanOf(const rte_mbuf* frame) {
  return (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 ? frame->vlan_tci & kVlanIdMask : 0;
}

inline bool IsPlain(const PlainHeaders& plain, rte_mbuf* frame) {
  if (rte_pktmbuf_data_len(frame) < kPlainHeaderBytes) return false;
  const auto* start = rte_pktmbuf_mtod(frame, const uint8_t*);
  const auto* ip = reinterpret_cast<const Ipv4Header*>(start + kEthernetHeaderBytes);
  const uint64_t destination = Load<uint64_t>(start) & PlainHeaders::kMacMask;
  const uint64_t source = Load<uint64_t>(start + sizeof(MacAddress)) & PlainHeaders::kMacMask;
  const uint32_t type = Load<uint32_t>(start + 2 * sizeof(MacAddress)) & PlainHeaders::kTypeMask;
  const uint16_t total = ip->total_length.host();
  return destination == plain.destination && type == plain.type && (source & 1) == 0 &&
         source != 0 && source != plain.own_source && VlanOf(frame) == plain.vlan_id &&
         total >= sizeof(Ipv4Header) &&
         uint32_t{total} + kEthernetHeaderBytes <= rte_pktmbuf_pkt_len(frame) &&
         PlainChecksumIsRight(frame, ip) && ip->source.is_host() && ip->destination.is_host();
}

// The bit of frame `i` if it is plain, else 0.
inline uint64_t FindPlainFrame(const PlainHeaders& plain, Burst& burst, uint16_t i) {
  rte_mbuf* frame = burst.frames[i];
  burst.traits.Include(frame);
  if (!IsPlain(plain, frame)) [[unlikely]]
    return 0;
  burst.destinations[i] = Ipv4Of(frame)->destination.value();
  return uint64_t{1} << i;
}

}  // namespace podwarp
