// Writing other addresses and ports into a frame, and keeping its checksums right.
//
// Checksums are updated, not made anew (RFC 1624): what was damaged before stays recognizable.
//
// Theory of operation
//
// The IP checksum covers the addresses. Those of TCP and UDP cover ports and a pseudo-header with
// the addresses; one that is still to be filled in (Offload::checksum_wanted) holds the sum of that
// pseudo-header alone, not complemented, so that ports don't count yet. UDP has a checksum of zero
// for "none", which stays, and is never made of another (RFC 768). SCTP has a CRC of its whole
// packet without any address: it is made anew if a port changes.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/flow_headers.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/flow_key.h"
#include "podwarp/port/offload.h"
#include "podwarp/table/connection_table.h"

namespace podwarp {

// What becomes of the frames of one direction.
struct Translation {
  FlowKey::Words to;
  // To be added to the one's complement of a checksum: of the addresses' change, and of addresses
  // and ports.
  uint16_t address_delta;
  uint16_t delta;

  explicit Translation(const ConnectionTable::Found& found)
      : to(found.direction == Direction::kOriginal ? found.connection->translated.words()
                                                   : found.connection->original.words().Reversed()),
        address_delta(Signed(found.connection->address_delta, found.direction)),
        delta(Signed(found.connection->delta, found.direction)) {}

 private:
  static uint16_t Signed(uint16_t delta, Direction direction) {
    return direction == Direction::kOriginal ? delta : static_cast<uint16_t>(~delta);
  }
};

// Two sums of 16 bits need but one fold.
inline uint16_t AddSums(uint16_t a, uint16_t b) {
  const uint32_t sum = uint32_t{a} + b;
  return static_cast<uint16_t>(sum + (sum >> 16));
}

// A finished checksum after what it covers has changed by `delta` (RFC 1624, equation 3).
inline Be16 Updated(Be16 checksum, uint16_t delta) {
  return Be16::FromRaw(
      static_cast<uint16_t>(~AddSums(static_cast<uint16_t>(~checksum.raw()), delta)));
}

namespace translation_internal {

inline bool IsPartial(rte_mbuf* frame) {
  return HasOffload(frame) && OffloadOf(frame)->checksum_wanted;
}

inline Be16 UpdatedTransport(rte_mbuf* frame, Be16 checksum, const Translation& translation) {
  return IsPartial(frame) ? Be16::FromRaw(AddSums(checksum.raw(), translation.address_delta))
                          : Updated(checksum, translation.delta);
}

inline Be16 UpdatedUdp(rte_mbuf* frame, Be16 checksum, const Translation& translation) {
  if (checksum.raw() == 0 && !IsPartial(frame)) return checksum;
  const Be16 updated = UpdatedTransport(frame, checksum, translation);
  return updated.raw() == 0 ? Be16::FromRaw(0xffff) : updated;
}

bool TranslateSctp(rte_mbuf* frame, FlowHeaders headers, uint32_t from_ports, uint32_t to_ports);

}  // namespace translation_internal

// `headers` and `key` are the frame's, as it is. Of a later fragment only the addresses are
// written. REQUIRES: headers.kind is kFlow or kLaterFragment. False for SCTP whose ports change, if
// its checksum (RFC 9260 appendix A) was wrong: the frame is spoilt and has to be dropped.
inline bool Translate(rte_mbuf* frame, FlowHeaders headers, const FlowKey& key,
                      const Translation& translation) {
  Ipv4Header* ip = Ipv4Of(frame);
  // Both addresses stand side by side in the header as in the key, and so do both ports.
  std::memcpy(reinterpret_cast<uint8_t*>(ip) + offsetof(Ipv4Header, source),
              &translation.to.addresses, sizeof(translation.to.addresses));
  ip->checksum = Updated(ip->checksum, translation.address_delta);
  if (headers.kind != FlowHeaders::Kind::kFlow) return true;
  const auto to_ports = static_cast<uint32_t>(translation.to.ports_and_protocol);
  if (key.protocol == kIpProtocolSctp) {
    const auto from_ports = static_cast<uint32_t>(key.words().ports_and_protocol);
    return translation_internal::TranslateSctp(frame, headers, from_ports, to_ports);
  }
  auto* transport = rte_pktmbuf_mtod_offset(frame, uint8_t*, headers.transport);
  std::memcpy(transport, &to_ports, sizeof(to_ports));
  if (key.protocol == kIpProtocolTcp) {
    auto* tcp = reinterpret_cast<TcpHeader*>(transport);
    tcp->checksum = translation_internal::UpdatedTransport(frame, tcp->checksum, translation);
  } else {
    auto* udp = reinterpret_cast<UdpHeader*>(transport);
    udp->checksum = translation_internal::UpdatedUdp(frame, udp->checksum, translation);
  }
  return true;
}

}  // namespace podwarp
