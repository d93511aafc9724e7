#include "dataplane/translation.h"

#include <rte_hash_crc.h>

#include <algorithm>

namespace podwarp {
namespace {

// Of the packet from `begin` to `end`, whose checksum field holds zero.
uint32_t SctpChecksum(const rte_mbuf* frame, uint32_t begin, uint32_t end) {
  uint32_t crc = UINT32_MAX;
  uint32_t offset = 0;  // of the mbuf in the frame
  for (; frame != nullptr && offset < end; frame = frame->next) {
    const uint32_t next = offset + rte_pktmbuf_data_len(frame);
    const uint32_t from = std::max(begin, offset);
    const uint32_t to = std::min(end, next);
    if (from < to) {
      crc = rte_hash_crc(rte_pktmbuf_mtod_offset(frame, const uint8_t*, from - offset), to - from,
                         crc);
    }
    offset = next;
  }
  return ~crc;
}

}  // namespace

bool translation_internal::TranslateSctp(rte_mbuf* frame, FlowHeaders headers, uint32_t from_ports,
                                         uint32_t to_ports) {
  if (from_ports == to_ports) return true;
  auto* sctp = rte_pktmbuf_mtod_offset(frame, SctpHeader*, headers.transport);
  // Only whole packets can be checked.
  if (headers.is_fragment) return false;
  const uint32_t end = kEthernetHeaderBytes + Ipv4Of(frame)->total_length.host();
  const uint32_t found = sctp->checksum.raw();
  sctp->checksum = Be32(0);
  if (SctpChecksum(frame, headers.transport, end) != found) return false;
  std::memcpy(sctp, &to_ports, sizeof(to_ports));
  sctp->checksum = Be32::FromRaw(SctpChecksum(frame, headers.transport, end));
  return true;
}

}  // namespace podwarp
