// A range of IPv4 addresses written as address/length.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "podwarp/net/ip_address.h"

namespace podwarp {

class Ipv4Prefix {
 public:
  // 0.0.0.0/0
  constexpr Ipv4Prefix() = default;
  // Bits of `address` past `length` are cleared. REQUIRES: length <= 32.
  constexpr Ipv4Prefix(Ipv4Address address, uint8_t length)
      : network_(address.value() & MaskOf(length)), length_(length) {}
  // The range of this one address.
  static constexpr Ipv4Prefix Host(Ipv4Address address) { return Ipv4Prefix(address, 32); }

  // 10.244.0.0/16. Errors: InvalidArgument with what is wrong: form, length over 32, or bits set
  // past the length (the text then names the range that was probably meant).
  static absl::StatusOr<Ipv4Prefix> Parse(std::string_view text);

  std::string ToString() const;

  constexpr Ipv4Address network() const { return network_; }
  constexpr Ipv4Address last() const { return Ipv4Address(network_.value() | ~mask()); }
  constexpr uint8_t length() const { return length_; }
  constexpr uint32_t mask() const { return MaskOf(length_); }

  constexpr bool Contains(Ipv4Address address) const {
    return (address.value() & mask()) == network_.value();
  }
  constexpr bool Contains(const Ipv4Prefix& other) const {
    return other.length_ >= length_ && Contains(other.network_);
  }
  constexpr bool Overlaps(const Ipv4Prefix& other) const {
    return Contains(other) || other.Contains(*this);
  }

  friend constexpr bool operator==(const Ipv4Prefix&, const Ipv4Prefix&) = default;
  friend constexpr auto operator<=>(const Ipv4Prefix&, const Ipv4Prefix&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Ipv4Prefix& prefix) {
    return H::combine(std::move(h), prefix.network_, prefix.length_);
  }

 private:
  static constexpr uint32_t MaskOf(uint8_t length) {
    return length == 0 ? 0 : ~uint32_t{0} << (32 - length);
  }

  Ipv4Address network_;
  uint8_t length_ = 0;
};

}  // namespace podwarp
