// What a pod's tap needs in the pod's own network namespace, so that the container finds an
// ordinary eth0: MAC, MTU, addresses, default route.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "platform/netlink.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"

namespace podwarp {

struct PodInterfaceSettings {
  std::string interface;  // there already: TapPort::Open made it
  std::string netns;      // path; empty = the calling thread's
  MacAddress mac;
  uint16_t mtu_bytes = 1500;
  std::vector<Ipv4Address> addresses;
  std::vector<Ipv4Prefix> pod_ranges;  // the cluster's
  Ipv4Address gateway;
  // Whether the other pods are on the pod's link. If not, its addresses are /32 and everything goes
  // by the gateway, which is all that is on the link.
  bool on_link = true;
};

// Each address with the length of the cluster's range that holds it (the longest, if several do):
// every other pod is then on the pod's link, asked for by ARP, and answered for by podwarp. /32 for
// an address outside them all.
std::vector<InterfaceAddress> AddressesOnLink(const std::vector<Ipv4Address>& addresses,
                                              const std::vector<Ipv4Prefix>& pod_ranges);

// Says it all; may be repeated. The interface ends up with these addresses and no other, IPv6
// autoconfiguration off, and a default route by the gateway. Errors: as of Netlink.
absl::Status ConfigurePodInterface(const PodInterfaceSettings& settings);

// Deletes the tap, and so its addresses and routes. OK if interface or namespace are gone.
absl::Status RemovePodInterface(const std::string& interface, const std::string& netns);

}  // namespace podwarp
