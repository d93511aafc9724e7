#include "control/config_values.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace podwarp {
namespace {

constexpr size_t kLongestInterfaceName = 15;  // IFNAMSIZ less the final zero
constexpr size_t kLongestSocketPath = 107;    // sockaddr_un::sun_path less the final zero
constexpr size_t kLongestSandbox = 128;
constexpr size_t kLongestVdevName = 63;  // RTE_DEV_NAME_MAX_LEN less the final zero

template <typename... Parts>
absl::Status Wrong(const std::string& text, const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' ", parts...));
}

bool IsPortNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

bool IsDnsLabel(const std::string& text) {
  const auto is_inner = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  };
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), is_inner) &&
         text.front() != '-' && text.back() != '-';
}

// `digits` hexadecimal ones, and no more than `most` as a number.
bool IsHex(const std::string& text, size_t digits, uint32_t most) {
  uint32_t value;
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }) &&
         absl::SimpleHexAtoi(text, &value) && value <= most;
}

}  // namespace

absl::StatusOr<Ipv4Address> ParseHostAddress(const std::string& text) {
  const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(text);
  if (!address.ok() || address->is_host()) return address;
  return Wrong(text, "can't be the address of a host (expected none of 0.0.0.0/8, 127.0.0.0/8, ",
               "224.0.0.0/3)");
}

absl::StatusOr<AddressWithLength> ParseInterfaceAddress(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() != 2) {
    return Wrong(text, "is not an address with its segment's length (expected, say, ",
                 "192.168.50.1/24)");
  }
  const absl::StatusOr<Ipv4Address> address = ParseHostAddress(parts[0]);
  if (!address.ok()) return address.status();
  const absl::StatusOr<uint32_t> length = ParseIntegerIn(parts[1], 1, 32);
  if (!length.ok()) return length.status();
  return AddressWithLength{*address, static_cast<uint8_t>(*length)};
}

absl::StatusOr<MetricsConfig> ParseListenAddress(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  if (parts.size() != 2) {
    return Wrong(text, "is not an IPv4 address with a port (expected, say, 127.0.0.1:9464)");
  }
  const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(parts[0]);
  if (!address.ok()) return address.status();
  const absl::StatusOr<uint32_t> port = ParseIntegerIn(parts[1], 1, 65535);
  if (!port.ok()) return port.status();
  return MetricsConfig{.address = *address, .port = static_cast<uint16_t>(*port)};
}

std::string ListenText(const MetricsConfig& metrics) {
  return absl::StrCat(metrics.address.ToString(), ":", metrics.port);
}

absl::StatusOr<MacAddress> ParseUnicastMac(const std::string& text) {
  const absl::StatusOr<MacAddress> mac = MacAddress::Parse(text);
  if (!mac.ok() || mac->is_unicast()) return mac;
  return Wrong(text, "is ",
               mac->is_zero()        ? "all zeros"
               : mac->is_broadcast() ? "the broadcast address"
                                     : "a group address (its first byte is odd)",
               " (expected one station's address, say 02:00:00:00:00:01)");
}

absl::StatusOr<std::string> ParseDnsLabel(const std::string& text) {
  if (IsDnsLabel(text)) return text;
  return Wrong(text, "is not a DNS label (expected a-z, 0-9 and '-', at most 63, the first and ",
               "last no '-')");
}

absl::StatusOr<std::string> ParseDnsSubdomain(const std::string& text) {
  const std::vector<std::string> labels = absl::StrSplit(text, '.');
  if (text.size() <= 253 && std::all_of(labels.begin(), labels.end(), IsDnsLabel)) return text;
  return Wrong(text, "is not a DNS name (expected a-z, 0-9, '-' and '.', at most 253, a letter or ",
               "digit at both ends of each part)");
}

absl::StatusOr<std::string> ParseSandbox(const std::string& text) {
  const auto is_printable = [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  };
  if (!text.empty() && text.size() <= kLongestSandbox &&
      std::all_of(text.begin(), text.end(), is_printable)) {
    return text;
  }
  return Wrong(text, "can't be a sandbox (expected 1 to ", kLongestSandbox,
               " printable characters)");
}

absl::StatusOr<std::string> ParsePortName(const std::string& text) {
  if (!text.empty() && text.size() <= 63 &&
      std::all_of(text.begin(), text.end(), IsPortNameCharacter)) {
    return text;
  }
  return Wrong(text, "can't be a port's name (expected 1 to 63 of a-z, A-Z, 0-9, '.', '_', '-')");
}

absl::StatusOr<std::string> ParseInterfaceName(const std::string& text) {
  if (text.size() > kLongestInterfaceName) {
    return Wrong(text, "has ", text.size(), " bytes; an interface's name has at most ",
                 kLongestInterfaceName);
  }
  const auto is_allowed = [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '/' && c != ':' && c != '%';
  };
  if (text.empty() || text == "." || text == ".." ||
      !std::all_of(text.begin(), text.end(), is_allowed)) {
    return Wrong(text, "can't be an interface's name (expected no spaces, '/', ':' or '%')");
  }
  return text;
}

absl::StatusOr<std::string> ParsePciAddress(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar(":."));
  // A domain behind Intel's VMD has five digits and more.
  if (parts.size() == 4 && text.size() >= 12 && text[text.size() - 2] == '.' &&
      std::count(text.begin(), text.end(), ':') == 2 && parts[0].size() >= 4 &&
      parts[0].size() <= 8 && IsHex(parts[0], parts[0].size(), UINT32_MAX) &&
      IsHex(parts[1], 2, 0xff) && IsHex(parts[2], 2, 0x1f) && IsHex(parts[3], 1, 7)) {
    return absl::AsciiStrToLower(text);
  }
  return Wrong(text, "is not a PCI address (expected domain:bus:device.function, say ",
               "0000:3b:00.0; lspci -D shows them)");
}

absl::StatusOr<std::string> ParseVdevText(const std::string& text) {
  const std::string name = VdevName(text);
  if (absl::StartsWith(name, "net_") && name.size() > 4 && name.size() <= kLongestVdevName &&
      std::all_of(name.begin(), name.end(), IsPortNameCharacter)) {
    return text;
  }
  return Wrong(text, "is not a DPDK network device (expected a name that begins with net_, then ",
               "its arguments: net_af_packet0,iface=eth1)");
}

std::string VdevName(const std::string& vdev) { return vdev.substr(0, vdev.find(',')); }

absl::StatusOr<std::string> ParseAbsolutePath(const std::string& text) {
  if (absl::StartsWith(text, "/")) return text;
  return Wrong(text, "is not an absolute path (expected one that begins with '/')");
}

absl::StatusOr<std::string> ParseSocketPath(const std::string& text) {
  if (text.size() > kLongestSocketPath) {
    return Wrong(text, "has ", text.size(), " bytes; a socket's path has at most ",
                 kLongestSocketPath, ", see unix(7)");
  }
  return ParseAbsolutePath(text);
}

absl::StatusOr<uint16_t> ParseFileMode(const std::string& text) {
  const bool is_octal =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
  if (text.size() >= 3 && text.size() <= 4 && is_octal) {
    const auto mode = static_cast<uint16_t>(std::stoul(text, nullptr, 8));
    if (mode <= 0777) return mode;
  }
  return Wrong(text, "is no file's rights (expected three octal digits: 660)");
}

std::string FileModeText(uint16_t mode) { return absl::StrFormat("%04o", mode); }

absl::StatusOr<std::string> ParseGroupName(const std::string& text) {
  if (!text.empty() && text.size() <= 32 && text[0] != '-' &&
      std::all_of(text.begin(), text.end(), IsPortNameCharacter)) {
    return text;
  }
  return Wrong(text, "can't be a group's name (expected 1 to 32 of a-z, A-Z, 0-9, '.', '_', '-')");
}

absl::StatusOr<std::string> ParseFilePrefix(const std::string& text) {
  // DPDK makes /var/run/dpdk/PREFIX/mp_socket_PID_TIME of it, with up to 7 digits of a process's id
  // and 16 of a time, and that has to fit into sockaddr_un as well.
  constexpr size_t kLongest = kLongestSocketPath - sizeof("/var/run/dpdk//mp_socket__") - 7 - 16;
  if (text.size() > kLongest) {
    return Wrong(text, "has ", text.size(), " bytes; a file prefix has at most ", kLongest);
  }
  if (text.empty() || text[0] == '.' ||
      !std::all_of(text.begin(), text.end(), IsPortNameCharacter)) {
    return Wrong(text, "can't be a file prefix (expected a-z, A-Z, 0-9, '.', '_', '-', not '.' ",
                 "first)");
  }
  return text;
}

absl::StatusOr<bool> ParseBool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Wrong(text, "is neither true nor false");
}

absl::StatusOr<IdleMode> ParseIdleMode(const std::string& text) {
  if (text == "adaptive") return IdleMode::kAdaptive;
  if (text == "busy") return IdleMode::kBusy;
  return Wrong(text, "is not an idle mode (expected adaptive or busy)");
}

absl::StatusOr<absl::Duration> ParseDurationIn(const std::string& text, absl::Duration least,
                                               absl::Duration most) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return Wrong(text, "is not a duration (expected a number with its unit, say 500us)");
  }
  if (duration < least || duration > most) {
    return Wrong(text, "is out of range (expected ", absl::FormatDuration(least), " to ",
                 absl::FormatDuration(most), ")");
  }
  return duration;
}

absl::StatusOr<uint32_t> ParseIntegerIn(const std::string& text, uint32_t least, uint32_t most) {
  const bool decimal = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  uint32_t value;
  if (!decimal || !absl::SimpleAtoi(text, &value) || value < least || value > most) {
    return Wrong(text, "is not a whole number from ", least, " to ", most);
  }
  return value;
}

}  // namespace podwarp
