#include "podwarp/net/checksum.h"

namespace podwarp {

uint16_t ChecksumSum(const void* data, size_t bytes, uint64_t initial) {
  const auto* at = static_cast<const uint8_t*>(data);
  uint64_t sum = initial;
  for (; bytes >= 4; at += 4, bytes -= 4) {
    uint32_t word;
    std::memcpy(&word, at, sizeof(word));
    sum += word;
  }
  if (bytes >= 2) {
    uint16_t word;
    std::memcpy(&word, at, sizeof(word));
    sum += word;
    at += 2;
    bytes -= 2;
  }
  if (bytes == 1) sum += *at;
  return FoldChecksum(sum);
}

}  // namespace podwarp
