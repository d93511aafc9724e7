// What the host port needs in podwarp's own network namespace: the node's kernel reaches pods and
// services through it, pods reach the world outside through it, and everything comes off again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "platform/netlink.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"

namespace podwarp {

struct HostInterfaceSettings {
  std::string interface = "podwarp0";  // there already: TapPort::Open made it
  MacAddress mac;
  uint16_t mtu_bytes = 1500;
  Ipv4Address address;  // the node's kernel among the pods
  std::vector<Ipv4Prefix> pod_ranges;
  std::vector<Ipv4Prefix> service_ranges;
  bool masquerade = true;
  // When kernel and podwarp share an uplink's NIC: the node's address on that wire, and the router
  // there.
  std::optional<Ipv4Address> underlay_address;
  uint8_t underlay_prefix_length = 32;
  std::optional<Ipv4Address> underlay_router;
};

// The default route by the underlay's router is the last resort: any other wins.
inline constexpr uint32_t kUnderlayDefaultMetric = 10'000;

// What the kernel sends by the interface: to pods, to services and, unless it has another default
// route (`other_default`), by the underlay's router to everybody else.
std::vector<KernelRoute> HostRoutes(const HostInterfaceSettings& settings, bool other_default);

// Says it all, in the calling thread's namespace; may be repeated, with other settings too: what
// podwarp set there before and is no longer wanted goes. Errors: as of Netlink, and Internal for
// nftables and for settings in /proc/sys.
absl::Status ConfigureHostInterface(const HostInterfaceSettings& settings);

// Removes the interface with its addresses, podwarp's routes, and the nftables table; goes on after
// an error and reports the first. OK if there is nothing. The machine-wide switches (forwarding on,
// redirects off) stay: others may rely on them by now.
absl::Status CleanUpHostInterface(const std::string& interface);

}  // namespace podwarp
