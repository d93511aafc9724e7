// IPv4 addresses: four bytes as on the wire, alignment 1, so that they stand in header structs.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "podwarp/net/byte_order.h"

namespace podwarp {

class Ipv4Address {
 public:
  // 0.0.0.0
  constexpr Ipv4Address() : wire_(0) {}
  // From the number in the host's order: 0x0a000001 is 10.0.0.1.
  explicit constexpr Ipv4Address(uint32_t value) : wire_(value) {}
  constexpr Ipv4Address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
      : wire_(uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8 | d) {}

  // Dotted quad with four decimal parts. Errors: InvalidArgument that shows the text.
  static absl::StatusOr<Ipv4Address> Parse(std::string_view text);

  std::string ToString() const;

  // The number in the host's order.
  constexpr uint32_t value() const { return wire_.host(); }
  constexpr Be32 wire() const { return wire_; }

  constexpr bool is_zero() const { return wire_.raw() == 0; }
  constexpr bool is_broadcast() const { return value() == 0xffffffff; }
  constexpr bool is_multicast() const { return value() >> 28 == 0xe; }  // 224.0.0.0/4
  constexpr bool is_loopback() const { return value() >> 24 == 127; }
  // What RFC 1122 3.2.1.3 and RFC 1812 5.3.7 let stand as the address of one host on a link: not
  // 0.0.0.0/8, loopback, multicast, 240.0.0.0/4 or the limited broadcast.
  constexpr bool is_host() const {
    const uint32_t first = value() >> 24;
    return first != 0 && first != 127 && first < 224;
  }

  friend constexpr bool operator==(const Ipv4Address&, const Ipv4Address&) = default;
  friend constexpr std::strong_ordering operator<=>(const Ipv4Address& a, const Ipv4Address& b) {
    return a.value() <=> b.value();
  }

  template <typename H>
  friend H AbslHashValue(H h, const Ipv4Address& address) {
    return H::combine(std::move(h), address.wire_.raw());
  }

 private:
  Be32 wire_;
};

static_assert(sizeof(Ipv4Address) == 4 && alignof(Ipv4Address) == 1);

}  // namespace podwarp
