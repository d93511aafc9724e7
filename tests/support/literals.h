// Addresses as short literals: 10.244.1.10 is "10.244.1.10"_ip. A text that does not parse ends the
// test program.
#pragma once

#include <glog/logging.h>

#include <string_view>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"

namespace podwarp::test {
namespace literals_internal {

template <typename T>
T Parsed(std::string_view text) {
  const absl::StatusOr<T> value = T::Parse(text);
  CHECK(value.ok()) << value.status().ToString();
  return *value;
}

}  // namespace literals_internal

inline Ipv4Address operator""_ip(const char* text, size_t length) {
  return literals_internal::Parsed<Ipv4Address>({text, length});
}
inline Ipv4Prefix operator""_prefix(const char* text, size_t length) {
  return literals_internal::Parsed<Ipv4Prefix>({text, length});
}
inline MacAddress operator""_mac(const char* text, size_t length) {
  return literals_internal::Parsed<MacAddress>({text, length});
}

}  // namespace podwarp::test
