#include "podwarp/net/ip_address.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"

namespace podwarp {

absl::StatusOr<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  in_addr parsed;
  const std::string terminated(text);
  if (inet_pton(AF_INET, terminated.c_str(), &parsed) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", terminated, "' is not an IPv4 address (expected, say, 10.244.1.10)"));
  }
  return Ipv4Address(Be32::FromRaw(parsed.s_addr).host());
}

std::string Ipv4Address::ToString() const {
  const uint32_t v = value();
  return absl::StrCat(v >> 24, ".", v >> 16 & 0xff, ".", v >> 8 & 0xff, ".", v & 0xff);
}

}  // namespace podwarp
