#include "dataplane/frame_sum.h"

#include <algorithm>

#include "podwarp/net/checksum.h"

namespace podwarp {

// Words that straddle two mbufs are met by swapping the sum of what begins at an odd offset
// (RFC 1071, 2(B)).
uint16_t FrameSum(const rte_mbuf* frame, uint32_t begin, uint32_t end) {
  uint64_t sum = 0;
  uint32_t offset = 0;  // of the mbuf in the frame
  for (; frame != nullptr && offset < end; frame = frame->next) {
    const uint32_t next = offset + rte_pktmbuf_data_len(frame);
    const uint32_t from = std::max(begin, offset);
    const uint32_t to = std::min(end, next);
    if (from < to) {
      const uint16_t part =
          ChecksumSum(rte_pktmbuf_mtod_offset(frame, const uint8_t*, from - offset), to - from);
      sum += (from - begin) % 2 == 0 ? part : __builtin_bswap16(part);
    }
    offset = next;
  }
  return FoldChecksum(sum);
}

}  // namespace podwarp
