// What the values of services and of their connections may be, and how they are written.
//
// Each parse takes a value's text. Errors: InvalidArgument that shows the text and says what was
// expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control/config.h"

namespace podwarp {

// tcp, udp, sctp: an IpProtocol. Another number's word is empty.
absl::StatusOr<uint8_t> ParseProtocol(const std::string& text);
std::string_view ProtocolWord(uint8_t protocol);
std::string PortText(uint16_t port, uint8_t protocol);  // "80/tcp"

// ready, terminating.
absl::StatusOr<BackendPhase> ParseBackendPhase(const std::string& text);
std::string_view ToString(BackendPhase phase);

// cluster, local.
absl::StatusOr<TrafficPolicy> ParseTrafficPolicy(const std::string& text);
std::string_view ToString(TrafficPolicy policy);

// none, which is zero, or from a second to a day, as Kubernetes has it: 3h.
absl::StatusOr<absl::Duration> ParseAffinity(const std::string& text);
std::string AffinityText(absl::Duration affinity);

// A power of 2 from 1,024 to 16 M: of the largest the entries alone take 1 GiB.
absl::StatusOr<uint32_t> ParseConnectionCapacity(const std::string& text);

// A host's, and not link-local: a pod would look for such a one on its own link.
absl::StatusOr<Ipv4Address> ParseHairpinAddress(const std::string& text);
bool IsLinkLocal(Ipv4Address address);  // 169.254.0.0/16, RFC 3927

}  // namespace podwarp
