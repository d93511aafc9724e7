// Integers as they stand on the wire.
//
// A BigEndian<T> holds the bytes of a T in network order and converts to and from the host's order
// only when asked, so that a forgotten byte swap does not compile. It is stored as bytes: its
// alignment is 1, and a struct of these can be laid over any place in a frame.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace podwarp {

static_assert(std::endian::native == std::endian::little, "podwarp runs on little-endian machines");

template <std::unsigned_integral T>
class BigEndian {
 public:
  BigEndian() = default;
  explicit constexpr BigEndian(T host) : bytes_(std::bit_cast<Bytes>(Swap(host))) {}

  // `raw` already stands in network order, as DPDK's rte_be16_t and rte_be32_t do.
  static constexpr BigEndian FromRaw(T raw) {
    BigEndian result;
    result.bytes_ = std::bit_cast<Bytes>(raw);
    return result;
  }

  constexpr T host() const { return Swap(raw()); }
  constexpr T raw() const { return std::bit_cast<T>(bytes_); }

  // Not by default: for an array of bytes g++ calls memcmp().
  friend constexpr bool operator==(const BigEndian& a, const BigEndian& b) {
    return a.raw() == b.raw();
  }

 private:
  using Bytes = std::array<uint8_t, sizeof(T)>;

  static constexpr T Swap(T value) {
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  }

  Bytes bytes_;
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;

static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);

}  // namespace podwarp
