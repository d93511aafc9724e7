// The few things podwarp asks of the kernel's network configuration: links, IPv4 addresses and
// IPv4 routes, in one network namespace (rtnetlink(7), by libnl-route).
//
// Everything that sets says what shall be and is happy if it is so already, so that a restarted
// podwarp can say it all again. Errors name action, interface, address or route, and namespace;
// NotFound if the interface does not exist.
//
// Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"

struct nl_sock;

namespace podwarp {

// Who set a route (rtm_protocol): ours, so that only ours are ever removed. Free in iproute2's
// rt_protos.
inline constexpr uint8_t kPodwarpRouteProtocol = 119;

struct LinkState {
  int index = 0;
  std::string kind;  // "tun" for a tap, "veth", ...; empty for a physical NIC
  MacAddress mac;
  uint32_t mtu_bytes = 0;
  bool up = false;                // as the administrator wants it
  bool carrier = false;           // for a tap: somebody has it open
  uint64_t transmit_dropped = 0;  // packets; for a tap: its ring to the reader was full
};

// What is unset stays as it is.
struct LinkSettings {
  std::optional<MacAddress> mac;
  std::optional<uint32_t> mtu_bytes;
  std::optional<bool> up;
};

struct InterfaceAddress {
  Ipv4Address address;
  uint8_t prefix_length = 32;
  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct KernelRoute {
  Ipv4Prefix prefix;
  std::string interface;
  std::optional<Ipv4Address> gateway;  // none: every address of the range is on the link
  bool onlink = false;                 // the gateway is on the link though no range says so
  uint32_t metric = 0;
  std::optional<Ipv4Address> source;  // preferred for what this machine sends itself
  friend bool operator==(const KernelRoute&, const KernelRoute&) = default;
};

class Netlink {
 public:
  // In the namespace at `netns`, and there for good; empty = the calling thread's.
  static absl::StatusOr<std::unique_ptr<Netlink>> Open(const std::string& netns);
  ~Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  absl::StatusOr<LinkState> GetLink(const std::string& interface);
  // GetLink()'s `up` alone, at a fraction of its cost: for what asks all the time.
  absl::StatusOr<bool> IsUp(const std::string& interface);
  absl::Status SetLink(const std::string& interface, const LinkSettings& settings);
  // OK if there is none. Errors: FailedPrecondition if the interface isn't a tap: podwarp made none
  // other, and a wrong word in a configuration must not cost a machine its NIC.
  absl::Status DeleteTap(const std::string& interface);

  absl::StatusOr<std::vector<InterfaceAddress>> Addresses(const std::string& interface);
  // Exactly these: others are taken away.
  absl::Status SetAddresses(const std::string& interface,
                            const std::vector<InterfaceAddress>& addresses);

  // Routes of the main table that podwarp set, on any interface.
  absl::StatusOr<std::vector<KernelRoute>> Routes();
  // One for the same range and metric, whoever set it, gives way.
  absl::Status ReplaceRoute(const KernelRoute& route);
  // OK if there is none such that podwarp set.
  absl::Status DeleteRoute(const KernelRoute& route);
  // Whether the main table has a default route that podwarp did not set.
  absl::StatusOr<bool> HasForeignDefaultRoute();

 private:
  Netlink(nl_sock* socket, std::string netns) : socket_(socket), netns_(std::move(netns)) {}

  absl::StatusOr<int> IndexOf(const std::string& interface);
  absl::Status ChangeAddress(const std::string& interface, const InterfaceAddress& address,
                             bool add);

  nl_sock* const socket_;
  const std::string netns_;
};

}  // namespace podwarp
