// The single values of a configuration, each read from text by its own rule.
//
// Errors: InvalidArgument that shows the text and what would be right; it doesn't name the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control/config.h"

namespace podwarp {

// The address of one host, Ipv4Address::is_host().
absl::StatusOr<Ipv4Address> ParseHostAddress(const std::string& text);

// A host's address with the length of its segment's range: 192.168.50.1/24.
struct AddressWithLength {
  Ipv4Address address;
  uint8_t prefix_length = 0;
};
absl::StatusOr<AddressWithLength> ParseInterfaceAddress(const std::string& text);

// An address of this machine, or 0.0.0.0, with a TCP port from 1 to 65535: 127.0.0.1:9464.
absl::StatusOr<MetricsConfig> ParseListenAddress(const std::string& text);
std::string ListenText(const MetricsConfig& metrics);  // 127.0.0.1:9464

// Neither zero nor a group.
absl::StatusOr<MacAddress> ParseUnicastMac(const std::string& text);

// What Kubernetes lets a namespace be called (RFC 1123 label), and a node or a pod (subdomain:
// labels with dots between them).
absl::StatusOr<std::string> ParseDnsLabel(const std::string& text);
absl::StatusOr<std::string> ParseDnsSubdomain(const std::string& text);

// Who attached a pod, in that one's own words: 1 to 128 printable characters of ASCII.
absl::StatusOr<std::string> ParseSandbox(const std::string& text);

// What names an uplink in routes, metrics and messages: 1 to 63 of letters, digits, '.', '_', '-'.
absl::StatusOr<std::string> ParsePortName(const std::string& text);
// A kernel interface: what dev_valid_name() of Linux lets pass, at most 15 bytes, and no '%', which
// is a pattern for a name to the tun device.
absl::StatusOr<std::string> ParseInterfaceName(const std::string& text);

// In full: 0000:3b:00.0. Upper case is lowered, so that equal addresses are equal texts.
absl::StatusOr<std::string> ParsePciAddress(const std::string& text);
// A DPDK virtual device with its arguments: net_af_packet0,iface=eth1.
absl::StatusOr<std::string> ParseVdevText(const std::string& text);
// The device's own name, before the first comma.
std::string VdevName(const std::string& vdev);

absl::StatusOr<std::string> ParseAbsolutePath(const std::string& text);
// A path that fits into sockaddr_un with its final zero, unix(7): at most 107 bytes.
absl::StatusOr<std::string> ParseSocketPath(const std::string& text);

// The rights of a file in octal, as chmod(1) takes them: 660 or 0660.
absl::StatusOr<uint16_t> ParseFileMode(const std::string& text);
std::string FileModeText(uint16_t mode);  // 0660
// What a group may be called: 1 to 32 of letters, digits, '.', '_', '-', not beginning with '-'.
absl::StatusOr<std::string> ParseGroupName(const std::string& text);

// DPDK's --file-prefix.
absl::StatusOr<std::string> ParseFilePrefix(const std::string& text);

// true or false.
absl::StatusOr<bool> ParseBool(const std::string& text);
absl::StatusOr<IdleMode> ParseIdleMode(const std::string& text);
// As absl::ParseDuration: 500us, 1.5ms.
absl::StatusOr<absl::Duration> ParseDurationIn(const std::string& text, absl::Duration least,
                                               absl::Duration most);
// A decimal number from `least` to `most`.
absl::StatusOr<uint32_t> ParseIntegerIn(const std::string& text, uint32_t least, uint32_t most);

}  // namespace podwarp
