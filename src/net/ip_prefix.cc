#include "podwarp/net/ip_prefix.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace podwarp {

absl::StatusOr<Ipv4Prefix> Ipv4Prefix::Parse(std::string_view text) {
  const auto malformed = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", std::string(text), "' is not an IPv4 range (expected, say, 10.244.0.0/16)"));
  };
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return malformed();
  const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(text.substr(0, slash));
  uint32_t length;
  if (!address.ok() || !absl::SimpleAtoi(std::string(text.substr(slash + 1)), &length) ||
      length > 32) {
    return malformed();
  }
  const Ipv4Prefix prefix(*address, static_cast<uint8_t>(length));
  if (prefix.network() != *address) {
    return absl::InvalidArgumentError(absl::StrCat("'", std::string(text),
                                                   "' has bits set past its length (did you mean ",
                                                   prefix.ToString(), "?)"));
  }
  return prefix;
}

std::string Ipv4Prefix::ToString() const { return absl::StrCat(network_.ToString(), "/", length_); }

}  // namespace podwarp
