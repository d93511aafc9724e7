#include "platform/pod_interface.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "platform/network_namespace.h"

namespace podwarp {
namespace {

// podwarp doesn't carry IPv6 yet: a link-local address would only make the pod send router
// solicitations and duplicate detection that nobody answers.
absl::Status SwitchIpv6Off(const std::string& interface, const std::string& netns) {
  const auto scope = NetworkNamespaceScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  const absl::Status status =
      WriteNetworkSysctl(absl::StrCat("ipv6/conf/", interface, "/disable_ipv6"), "1");
  // A kernel without IPv6 is what we want.
  if (status.ok() || absl::IsNotFound(status)) return absl::OkStatus();
  return absl::Status(status.code(),
                      absl::StrCat(std::string(status.message()), InNamespace(netns)));
}

}  // namespace

std::vector<InterfaceAddress> AddressesOnLink(const std::vector<Ipv4Address>& addresses,
                                              const std::vector<Ipv4Prefix>& pod_ranges) {
  std::vector<InterfaceAddress> result;
  for (const Ipv4Address address : addresses) {
    int length = -1;
    for (const Ipv4Prefix& range : pod_ranges) {
      if (range.Contains(address)) length = std::max<int>(length, range.length());
    }
    result.push_back({address, static_cast<uint8_t>(length < 0 ? 32 : length)});
  }
  return result;
}

absl::Status ConfigurePodInterface(const PodInterfaceSettings& settings) {
  const std::string& interface = settings.interface;
  const auto netlink = Netlink::Open(settings.netns);
  if (!netlink.ok()) return netlink.status();
  if (const auto status = SwitchIpv6Off(interface, settings.netns); !status.ok()) return status;
  const LinkSettings link{.mac = settings.mac, .mtu_bytes = settings.mtu_bytes, .up = true};
  if (const auto status = (*netlink)->SetLink(interface, link); !status.ok()) return status;
  // No range holds an address that is on no link.
  const auto addresses = AddressesOnLink(
      settings.addresses, settings.on_link ? settings.pod_ranges : std::vector<Ipv4Prefix>());
  if (const auto status = (*netlink)->SetAddresses(interface, addresses); !status.ok()) {
    return status;
  }
  if (addresses.empty()) return absl::OkStatus();
  const bool gateway_on_link =
      std::any_of(addresses.begin(), addresses.end(), [&](const InterfaceAddress& address) {
        return Ipv4Prefix(address.address, address.prefix_length).Contains(settings.gateway);
      });
  const KernelRoute to_gateway = {.prefix = Ipv4Prefix::Host(settings.gateway),
                                  .interface = interface};
  const auto status =
      settings.on_link ? (*netlink)->DeleteRoute(to_gateway) : (*netlink)->ReplaceRoute(to_gateway);
  if (!status.ok()) return status;
  return (*netlink)->ReplaceRoute({.interface = interface,
                                   .gateway = settings.gateway,
                                   .onlink = !gateway_on_link,
                                   .source = addresses.front().address});
}

absl::Status RemovePodInterface(const std::string& interface, const std::string& netns) {
  const auto netlink = Netlink::Open(netns);
  if (absl::IsNotFound(netlink.status())) return absl::OkStatus();
  if (!netlink.ok()) return netlink.status();
  return (*netlink)->DeleteTap(interface);
}

}  // namespace podwarp
