#include "control/service_values.h"

#include <bit>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "control/near_miss.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

template <typename... Parts>
absl::Status Wrong(const std::string& text, const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' ", parts...));
}

}  // namespace

absl::StatusOr<uint8_t> ParseProtocol(const std::string& text) {
  for (const uint8_t protocol : {kIpProtocolTcp, kIpProtocolUdp, kIpProtocolSctp}) {
    if (text == ProtocolWord(protocol)) return protocol;
  }
  return Wrong(text, "is not a service's protocol", DidYouMean(text, {"tcp", "udp", "sctp"}));
}

std::string_view ProtocolWord(uint8_t protocol) {
  switch (protocol) {
    case kIpProtocolTcp:
      return "tcp";
    case kIpProtocolUdp:
      return "udp";
    case kIpProtocolSctp:
      return "sctp";
    default:
      return "";
  }
}

std::string PortText(uint16_t port, uint8_t protocol) {
  return absl::StrCat(port, "/", std::string(ProtocolWord(protocol)));
}

absl::StatusOr<BackendPhase> ParseBackendPhase(const std::string& text) {
  for (const BackendPhase phase : {BackendPhase::kReady, BackendPhase::kTerminating}) {
    if (text == ToString(phase)) return phase;
  }
  return Wrong(text, "is not a backend's state", DidYouMean(text, {"ready", "terminating"}));
}

std::string_view ToString(BackendPhase phase) {
  return phase == BackendPhase::kReady ? "ready" : "terminating";
}

absl::StatusOr<TrafficPolicy> ParseTrafficPolicy(const std::string& text) {
  for (const TrafficPolicy policy : {TrafficPolicy::kCluster, TrafficPolicy::kLocal}) {
    if (text == ToString(policy)) return policy;
  }
  return Wrong(text, "is not a traffic policy", DidYouMean(text, {"cluster", "local"}));
}

std::string_view ToString(TrafficPolicy policy) {
  return policy == TrafficPolicy::kCluster ? "cluster" : "local";
}

absl::StatusOr<absl::Duration> ParseAffinity(const std::string& text) {
  if (text == "none") return absl::ZeroDuration();
  absl::StatusOr<absl::Duration> duration =
      ParseDurationIn(text, absl::Seconds(1), absl::Hours(24));
  if (duration.ok()) return duration;
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(duration.status().message()), ", or none"));
}

std::string AffinityText(absl::Duration affinity) {
  return affinity == absl::ZeroDuration() ? "none" : absl::FormatDuration(affinity);
}

absl::StatusOr<uint32_t> ParseConnectionCapacity(const std::string& text) {
  constexpr uint32_t kLeast = 1u << 10, kMost = 1u << 24;
  const absl::StatusOr<uint32_t> capacity = ParseIntegerIn(text, kLeast, kMost);
  if (!capacity.ok() || std::has_single_bit(*capacity)) return capacity;
  const uint32_t above = std::bit_ceil(*capacity);
  return Wrong(text, "is not a power of 2 (the nearest are ", above / 2, " and ", above, ")");
}

absl::StatusOr<Ipv4Address> ParseHairpinAddress(const std::string& text) {
  const absl::StatusOr<Ipv4Address> address = ParseHostAddress(text);
  if (!address.ok() || !IsLinkLocal(*address)) return address;
  return Wrong(text, "is link-local: a pod would look for it on its own link (expected none of ",
               "169.254.0.0/16)");
}

bool IsLinkLocal(Ipv4Address address) { return address.value() >> 16 == 0xa9fe; }

}  // namespace podwarp
