#include "platform/host_interface.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "platform/masquerade.h"
#include "platform/network_namespace.h"

namespace podwarp {
namespace {

absl::Status SetSwitches(const std::string& interface) {
  const std::string own = absl::StrCat("ipv4/conf/", interface, "/");
  const std::pair<std::string, std::string> switches[] = {
      // Pods' traffic to the outside passes through this kernel.
      {"ipv4/ip_forward", "1"},
      // A pod's packet may leave by the interface it came in on (shared NIC): no redirect for that.
      // The kernel sends them if either of the two says so (ip-sysctl), hence both.
      {"ipv4/conf/all/send_redirects", "0"},
      {absl::StrCat(own, "send_redirects"), "0"},
      // Loose: pods' addresses may have a longer route elsewhere. The larger of this and `all`
      // counts, and 2 is the largest.
      {absl::StrCat(own, "rp_filter"), "2"},
      // Ask for pods in the name of an address of this interface, whatever the packet's source:
      // podwarp lets the host port claim no other.
      {absl::StrCat(own, "arp_announce"), "2"},
      // Answer for addresses of this interface only.
      {absl::StrCat(own, "arp_ignore"), "1"},
  };
  for (const auto& [name, value] : switches) {
    if (const auto status = WriteNetworkSysctl(name, value); !status.ok()) return status;
  }
  // See pod_interface.cc; a kernel without IPv6 is fine.
  const auto status =
      WriteNetworkSysctl(absl::StrCat("ipv6/conf/", interface, "/disable_ipv6"), "1");
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

std::vector<InterfaceAddress> AddressesOf(const HostInterfaceSettings& settings) {
  std::vector<InterfaceAddress> addresses = {{settings.address, 32}};
  if (settings.underlay_address && *settings.underlay_address != settings.address) {
    addresses.push_back({*settings.underlay_address, settings.underlay_prefix_length});
  }
  return addresses;
}

absl::Status SetRoutes(Netlink& netlink, const std::string& interface,
                       const std::vector<KernelRoute>& wanted) {
  const auto present = netlink.Routes();
  if (!present.ok()) return present.status();
  for (const KernelRoute& route : *present) {
    if (route.interface != interface) continue;
    if (std::find(wanted.begin(), wanted.end(), route) != wanted.end()) continue;
    if (const auto status = netlink.DeleteRoute(route); !status.ok()) return status;
  }
  for (const KernelRoute& route : wanted) {
    if (const auto status = netlink.ReplaceRoute(route); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<KernelRoute> HostRoutes(const HostInterfaceSettings& settings, bool other_default) {
  std::vector<KernelRoute> routes;
  for (const auto* ranges : {&settings.pod_ranges, &settings.service_ranges}) {
    for (const Ipv4Prefix& range : *ranges) {
      routes.push_back(
          {.prefix = range, .interface = settings.interface, .source = settings.address});
    }
  }
  if (settings.underlay_address && settings.underlay_router && !other_default) {
    const Ipv4Prefix segment(*settings.underlay_address, settings.underlay_prefix_length);
    routes.push_back({.interface = settings.interface,
                      .gateway = settings.underlay_router,
                      .onlink = !segment.Contains(*settings.underlay_router),
                      .metric = kUnderlayDefaultMetric,
                      .source = settings.underlay_address});
  }
  return routes;
}

absl::Status ConfigureHostInterface(const HostInterfaceSettings& settings) {
  const std::string& interface = settings.interface;
  const auto netlink = Netlink::Open("");
  if (!netlink.ok()) return netlink.status();
  if (const auto status = SetSwitches(interface); !status.ok()) return status;
  const LinkSettings link{.mac = settings.mac, .mtu_bytes = settings.mtu_bytes, .up = true};
  if (const auto status = (*netlink)->SetLink(interface, link); !status.ok()) return status;
  if (const auto status = (*netlink)->SetAddresses(interface, AddressesOf(settings));
      !status.ok()) {
    return status;
  }
  const auto other_default = (*netlink)->HasForeignDefaultRoute();
  if (!other_default.ok()) return other_default.status();
  if (const auto status = SetRoutes(**netlink, interface, HostRoutes(settings, *other_default));
      !status.ok()) {
    return status;
  }
  return settings.masquerade ? SetMasquerade(settings.pod_ranges, settings.service_ranges)
                             : RemoveMasquerade();
}

absl::Status CleanUpHostInterface(const std::string& interface) {
  absl::Status first;
  first.Update(RemoveMasquerade());
  const auto netlink = Netlink::Open("");
  if (!netlink.ok()) {
    first.Update(netlink.status());
    return first;
  }
  if (const auto routes = (*netlink)->Routes(); routes.ok()) {
    for (const KernelRoute& route : *routes) {
      if (route.interface == interface) first.Update((*netlink)->DeleteRoute(route));
    }
  } else {
    first.Update(routes.status());
  }
  first.Update((*netlink)->DeleteTap(interface));
  return first;
}

}  // namespace podwarp
