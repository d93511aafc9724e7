// Internet checksums (RFC 1071) and their incremental update (RFC 1624).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "podwarp/net/byte_order.h"
#include "podwarp/net/headers.h"

namespace podwarp {

// A one's-complement sum of 16-bit words as they stand in memory; its byte order does not matter
// until it is stored (RFC 1071, 2(B)).
constexpr uint16_t FoldChecksum(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// The one's-complement sum of `bytes` bytes; an odd last byte is padded with zero.
uint16_t ChecksumSum(const void* data, size_t bytes, uint64_t initial = 0);

// The checksum field's value for `bytes` bytes whose checksum field is zero.
inline Be16 InternetChecksum(const void* data, size_t bytes) {
  return Be16::FromRaw(static_cast<uint16_t>(~ChecksumSum(data, bytes)));
}

// True if the header's 20 bytes (no options) sum to what RFC 791 demands.
inline bool Ipv4ChecksumIsRight(const Ipv4Header* header) {
  uint32_t words[5];
  std::memcpy(words, header, sizeof(words));
  return FoldChecksum(uint64_t{words[0]} + words[1] + words[2] + words[3] + words[4]) == 0xffff;
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
inline Be16 UpdateChecksum(Be16 checksum, uint16_t old_raw, uint16_t new_raw) {
  const uint32_t sum = uint32_t{static_cast<uint16_t>(~checksum.raw())} +
                       uint32_t{static_cast<uint16_t>(~old_raw)} + new_raw;
  return Be16::FromRaw(static_cast<uint16_t>(~FoldChecksum(sum)));
}

// Takes one from the time to live and mends the checksum: the word TTL|protocol falls by 0x0100, so
// the checksum rises by it, with end-around carry (RFC 1141 as corrected by RFC 1624).
// REQUIRES: time_to_live > 0.
inline void DecrementTtl(Ipv4Header* header) {
  // TTL, protocol and checksum in one word. On a little-endian machine the TTL stands lowest and
  // the checksum highest, and 0x0100 on the wire is 1 in it.
  auto* at = reinterpret_cast<uint8_t*>(header) + offsetof(Ipv4Header, time_to_live);
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  const uint32_t carry = word >= 0xfffe0000 ? 0x10000 : 0;
  word += 0x10000 + carry - 1;
  std::memcpy(at, &word, sizeof(word));
}

}  // namespace podwarp
