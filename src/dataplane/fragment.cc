// Why not librte_ip_frag: its copying variant takes only frames of one segment, which a jumbo frame
// never is, and the other one chains buffers to the original, which not every port can send. Both
// leave the checksums to the caller. What is left is the loop below.
#include "dataplane/fragment.h"

#include <rte_mempool.h>

#include <algorithm>
#include <cstring>

#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

constexpr uint16_t kUnit = 8;  // fragment offsets count these
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kCopiedFlag = 0x80;

// RFC 791, 3.1: only options with the copied flag go into the fragments after the first. The others
// become no-operations, so that the header keeps its length.
void BlankOptionsNotCopied(Ipv4Header* ip) {
  auto* option = reinterpret_cast<uint8_t*>(ip + 1);
  const auto* end = reinterpret_cast<uint8_t*>(ip) + ip->header_bytes();
  while (option < end && *option != 0) {
    if (*option == kNoOperation) {
      ++option;
      continue;
    }
    const uint8_t length = option[1];  // Classify saw that it fits
    if ((*option & kCopiedFlag) == 0) std::memset(option, kNoOperation, length);
    option += length;
  }
}

}  // namespace

int Fragment(rte_mbuf* frame, uint16_t mtu_bytes, rte_mempool* pool, rte_mbuf** fragments,
             uint16_t capacity) {
  const Ipv4Header* whole = Ipv4Of(frame);
  const uint16_t header_bytes = whole->header_bytes();
  if (mtu_bytes < header_bytes + kUnit) return 0;
  const uint32_t payload = whole->total_length.host() - header_bytes;
  const uint32_t each = (mtu_bytes - header_bytes) / kUnit * kUnit;
  const uint32_t count = (payload + each - 1) / each;
  const uint32_t lead = kEthernetHeaderBytes + header_bytes;
  const uint16_t base = whole->fragment.host();
  // Offsets that overflow would spill into the flags.
  const uint32_t last_offset = (base & kIpv4OffsetMask) + (count - 1) * (each / kUnit);
  if (count > capacity || last_offset > kIpv4OffsetMask ||
      lead + each + RTE_PKTMBUF_HEADROOM > rte_pktmbuf_data_room_size(pool)) {
    return 0;
  }
  if (rte_pktmbuf_alloc_bulk(pool, fragments, count) != 0) return -1;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t offset = i * each;
    const auto bytes = static_cast<uint16_t>(std::min(each, payload - offset));
    auto* start = reinterpret_cast<uint8_t*>(
        rte_pktmbuf_append(fragments[i], static_cast<uint16_t>(lead + bytes)));
    std::memcpy(start, rte_pktmbuf_mtod(frame, void*), lead);
    const void* source = rte_pktmbuf_read(frame, lead + offset, bytes, start + lead);
    if (source != start + lead) std::memcpy(start + lead, source, bytes);

    Ipv4Header* ip = Ipv4Of(fragments[i]);
    const bool is_last = i == count - 1;
    ip->total_length = Be16(static_cast<uint16_t>(header_bytes + bytes));
    // The original may be a fragment itself: its offset is added to, its "more" kept at the end.
    ip->fragment =
        Be16(static_cast<uint16_t>((base + offset / kUnit) | (is_last ? 0 : kIpv4MoreFragments)));
    if (i > 0) BlankOptionsNotCopied(ip);
    ip->checksum = Be16(0);
    ip->checksum = InternetChecksum(ip, header_bytes);
  }
  return static_cast<int>(count);
}

}  // namespace podwarp
