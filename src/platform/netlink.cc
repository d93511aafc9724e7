#include "platform/netlink.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "platform/network_namespace.h"

namespace podwarp {
namespace {

template <typename T, void (*Free)(T*)>
struct FreeWith {
  void operator()(T* object) const { Free(object); }
};
using Link = std::unique_ptr<rtnl_link, FreeWith<rtnl_link, rtnl_link_put>>;
using Address = std::unique_ptr<rtnl_addr, FreeWith<rtnl_addr, rtnl_addr_put>>;
using Route = std::unique_ptr<rtnl_route, FreeWith<rtnl_route, rtnl_route_put>>;
using NlAddress = std::unique_ptr<nl_addr, FreeWith<nl_addr, nl_addr_put>>;
using Cache = std::unique_ptr<nl_cache, FreeWith<nl_cache, nl_cache_free>>;

// `error` is libnl's: a negative NLE_ code.
absl::Status Error(int error, const std::string& what) {
  const std::string message = absl::StrCat("can't ", what, ": ", nl_geterror(error));
  switch (-error) {
    case NLE_NODEV:
    case NLE_OBJ_NOTFOUND:
      return absl::NotFoundError(message);
    case NLE_PERM:
    case NLE_NOACCESS:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InternalError(message);
  }
}

NlAddress ToNl(Ipv4Address address, int prefix_length = 32) {
  const Be32 wire = address.wire();
  NlAddress result(nl_addr_build(AF_INET, &wire, sizeof(wire)));
  nl_addr_set_prefixlen(result.get(), prefix_length);
  return result;
}

std::optional<Ipv4Address> FromNl(const nl_addr* address) {
  if (address == nullptr || nl_addr_get_len(address) != 4) return std::nullopt;
  uint32_t raw;
  std::memcpy(&raw, nl_addr_get_binary_addr(address), sizeof(raw));
  return Ipv4Address(Be32::FromRaw(raw).host());
}

std::string ToString(const KernelRoute& route) {
  std::string text = absl::StrCat("route ", route.prefix.ToString());
  if (route.gateway) absl::StrAppend(&text, " via ", route.gateway->ToString());
  absl::StrAppend(&text, " dev ", route.interface);
  if (route.metric != 0) absl::StrAppend(&text, " metric ", route.metric);
  return text;
}

Route ToNl(const KernelRoute& route, int index) {
  Route result(rtnl_route_alloc());
  rtnl_route_set_family(result.get(), AF_INET);
  rtnl_route_set_table(result.get(), RT_TABLE_MAIN);
  rtnl_route_set_protocol(result.get(), kPodwarpRouteProtocol);
  rtnl_route_set_type(result.get(), RTN_UNICAST);
  rtnl_route_set_scope(result.get(), route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
  rtnl_route_set_priority(result.get(), route.metric);
  rtnl_route_set_dst(result.get(), ToNl(route.prefix.network(), route.prefix.length()).get());
  if (route.source) rtnl_route_set_pref_src(result.get(), ToNl(*route.source).get());
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, index);
  if (route.gateway) rtnl_route_nh_set_gateway(hop, ToNl(*route.gateway).get());
  if (route.onlink) rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
  rtnl_route_add_nexthop(result.get(), hop);  // takes it over
  return result;
}

using RouteVisitor = std::function<void(rtnl_route*)>;

absl::Status ForEachMainRoute(nl_sock* socket, const std::string& netns,
                              const RouteVisitor& visit) {
  nl_cache* raw = nullptr;
  if (const int error = rtnl_route_alloc_cache(socket, AF_INET, 0, &raw); error < 0) {
    return Error(error, absl::StrCat("list routes", InNamespace(netns)));
  }
  const Cache cache(raw);
  for (nl_object* o = nl_cache_get_first(raw); o != nullptr; o = nl_cache_get_next(o)) {
    auto* route = reinterpret_cast<rtnl_route*>(o);
    if (rtnl_route_get_table(route) == RT_TABLE_MAIN) visit(route);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Netlink>> Netlink::Open(const std::string& netns) {
  const auto scope = NetworkNamespaceScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  std::unique_ptr<Netlink> netlink(new Netlink(nl_socket_alloc(), netns));
  if (const int error = nl_connect(netlink->socket_, NETLINK_ROUTE); error < 0) {
    return Error(error, absl::StrCat("open a netlink socket", InNamespace(netns)));
  }
  return netlink;
}

Netlink::~Netlink() { nl_socket_free(socket_); }

absl::StatusOr<LinkState> Netlink::GetLink(const std::string& interface) {
  rtnl_link* raw = nullptr;
  if (const int error = rtnl_link_get_kernel(socket_, 0, interface.c_str(), &raw); error < 0) {
    return Error(error, absl::StrCat("find interface ", interface, InNamespace(netns_)));
  }
  const Link link(raw);
  LinkState state{.index = rtnl_link_get_ifindex(raw),
                  .mtu_bytes = rtnl_link_get_mtu(raw),
                  .up = (rtnl_link_get_flags(raw) & IFF_UP) != 0,
                  .carrier = rtnl_link_get_carrier(raw) != 0,
                  .transmit_dropped = rtnl_link_get_stat(raw, RTNL_LINK_TX_DROPPED)};
  if (const char* kind = rtnl_link_get_type(raw); kind != nullptr) state.kind = kind;
  const nl_addr* mac = rtnl_link_get_addr(raw);
  if (std::array<uint8_t, 6> bytes; mac != nullptr && nl_addr_get_len(mac) == bytes.size()) {
    std::memcpy(bytes.data(), nl_addr_get_binary_addr(mac), bytes.size());
    state.mac = MacAddress(bytes);
  }
  return state;
}

absl::StatusOr<bool> Netlink::IsUp(const std::string& interface) {
  // netdevice(7): any socket of the namespace will do.
  ifreq request = {};
  interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  if (ioctl(nl_socket_get_fd(socket_), SIOCGIFFLAGS, &request) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("can't find interface ", interface, InNamespace(netns_)));
  }
  return (request.ifr_flags & IFF_UP) != 0;
}

absl::StatusOr<int> Netlink::IndexOf(const std::string& interface) {
  const auto link = GetLink(interface);
  if (!link.ok()) return link.status();
  return link->index;
}

absl::Status Netlink::SetLink(const std::string& interface, const LinkSettings& settings) {
  const auto present = GetLink(interface);
  if (!present.ok()) return present.status();
  const Link from(rtnl_link_alloc());
  const Link change(rtnl_link_alloc());
  rtnl_link_set_ifindex(from.get(), present->index);
  std::string what = absl::StrCat("set interface ", interface, InNamespace(netns_), " to");
  bool differs = false;
  // The same MAC once more would empty the neighbour table.
  if (settings.mac && *settings.mac != present->mac) {
    const NlAddress mac(nl_addr_build(AF_LLC, settings.mac->bytes().data(), 6));
    rtnl_link_set_addr(change.get(), mac.get());
    absl::StrAppend(&what, " MAC ", settings.mac->ToString());
    differs = true;
  }
  if (settings.mtu_bytes && *settings.mtu_bytes != present->mtu_bytes) {
    rtnl_link_set_mtu(change.get(), *settings.mtu_bytes);
    absl::StrAppend(&what, " MTU ", *settings.mtu_bytes);
    differs = true;
  }
  if (settings.up && *settings.up != present->up) {
    const auto set = *settings.up ? rtnl_link_set_flags : rtnl_link_unset_flags;
    set(change.get(), IFF_UP);
    absl::StrAppend(&what, *settings.up ? " up" : " down");
    differs = true;
  }
  if (!differs) return absl::OkStatus();
  const int error = rtnl_link_change(socket_, from.get(), change.get(), 0);
  return error >= 0 ? absl::OkStatus() : Error(error, what);
}

absl::Status Netlink::DeleteTap(const std::string& interface) {
  const auto present = GetLink(interface);
  if (absl::IsNotFound(present.status())) return absl::OkStatus();
  if (!present.ok()) return present.status();
  if (present->kind != "tun") {
    return absl::FailedPreconditionError(absl::StrCat("interface ", interface, InNamespace(netns_),
                                                      " is no tap, so podwarp leaves it alone"));
  }
  const Link link(rtnl_link_alloc());
  rtnl_link_set_ifindex(link.get(), present->index);
  const int error = rtnl_link_delete(socket_, link.get());
  if (error >= 0 || -error == NLE_NODEV || -error == NLE_OBJ_NOTFOUND) return absl::OkStatus();
  return Error(error, absl::StrCat("delete interface ", interface, InNamespace(netns_)));
}

absl::StatusOr<std::vector<InterfaceAddress>> Netlink::Addresses(const std::string& interface) {
  const auto index = IndexOf(interface);
  if (!index.ok()) return index.status();
  nl_cache* raw = nullptr;
  if (const int error = rtnl_addr_alloc_cache(socket_, &raw); error < 0) {
    return Error(error, absl::StrCat("list addresses", InNamespace(netns_)));
  }
  const Cache cache(raw);
  std::vector<InterfaceAddress> result;
  for (nl_object* o = nl_cache_get_first(raw); o != nullptr; o = nl_cache_get_next(o)) {
    auto* entry = reinterpret_cast<rtnl_addr*>(o);
    if (rtnl_addr_get_ifindex(entry) != *index || rtnl_addr_get_family(entry) != AF_INET) continue;
    if (const auto address = FromNl(rtnl_addr_get_local(entry))) {
      result.push_back({*address, static_cast<uint8_t>(rtnl_addr_get_prefixlen(entry))});
    }
  }
  return result;
}

absl::Status Netlink::ChangeAddress(const std::string& interface, const InterfaceAddress& address,
                                    bool add) {
  const auto index = IndexOf(interface);
  if (!index.ok()) return index.status();
  const Address entry(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(entry.get(), *index);
  rtnl_addr_set_local(entry.get(), ToNl(address.address, address.prefix_length).get());
  const int error = add ? rtnl_addr_add(socket_, entry.get(), NLM_F_REPLACE)
                        : rtnl_addr_delete(socket_, entry.get(), 0);
  // What is not there any more went with the primary address of its range.
  if (error >= 0 || (!add && -error == NLE_NOADDR)) return absl::OkStatus();
  return Error(error, absl::StrCat(add ? "add " : "remove ", address.address.ToString(), "/",
                                   address.prefix_length, add ? " to " : " from ", interface,
                                   InNamespace(netns_)));
}

absl::Status Netlink::SetAddresses(const std::string& interface,
                                   const std::vector<InterfaceAddress>& addresses) {
  auto present = Addresses(interface);
  if (!present.ok()) return present.status();
  for (const InterfaceAddress& old : *present) {
    if (std::find(addresses.begin(), addresses.end(), old) != addresses.end()) continue;
    if (const auto status = ChangeAddress(interface, old, false); !status.ok()) return status;
  }
  present = Addresses(interface);
  if (!present.ok()) return present.status();
  for (const InterfaceAddress& wanted : addresses) {
    if (std::find(present->begin(), present->end(), wanted) != present->end()) continue;
    if (const auto status = ChangeAddress(interface, wanted, true); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KernelRoute>> Netlink::Routes() {
  std::vector<std::pair<int, KernelRoute>> found;
  const auto status = ForEachMainRoute(socket_, netns_, [&](rtnl_route* entry) {
    if (rtnl_route_get_protocol(entry) != kPodwarpRouteProtocol) return;
    rtnl_nexthop* hop = rtnl_route_nexthop_n(entry, 0);
    if (hop == nullptr) return;
    const nl_addr* destination = rtnl_route_get_dst(entry);
    const int length =
        destination == nullptr ? 0 : static_cast<int>(nl_addr_get_prefixlen(destination));
    KernelRoute route{.prefix = Ipv4Prefix(FromNl(destination).value_or(Ipv4Address()),
                                           static_cast<uint8_t>(length)),
                      .gateway = FromNl(rtnl_route_nh_get_gateway(hop)),
                      .onlink = (rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK) != 0,
                      .metric = rtnl_route_get_priority(entry),
                      .source = FromNl(rtnl_route_get_pref_src(entry))};
    found.emplace_back(rtnl_route_nh_get_ifindex(hop), std::move(route));
  });
  if (!status.ok()) return status;
  std::vector<KernelRoute> routes;
  for (auto& [index, route] : found) {
    rtnl_link* raw = nullptr;
    if (rtnl_link_get_kernel(socket_, index, nullptr, &raw) < 0) continue;  // gone meanwhile
    const Link link(raw);
    route.interface = rtnl_link_get_name(raw);
    routes.push_back(std::move(route));
  }
  return routes;
}

absl::Status Netlink::ReplaceRoute(const KernelRoute& route) {
  const auto index = IndexOf(route.interface);
  if (!index.ok()) return index.status();
  const int error = rtnl_route_add(socket_, ToNl(route, *index).get(), NLM_F_REPLACE);
  if (error >= 0) return absl::OkStatus();
  return Error(error, absl::StrCat("set ", ToString(route), InNamespace(netns_)));
}

absl::Status Netlink::DeleteRoute(const KernelRoute& route) {
  const auto index = IndexOf(route.interface);
  if (absl::IsNotFound(index.status())) return absl::OkStatus();  // its routes went with it
  if (!index.ok()) return index.status();
  const int error = rtnl_route_delete(socket_, ToNl(route, *index).get(), 0);
  if (error >= 0 || -error == NLE_OBJ_NOTFOUND) return absl::OkStatus();
  return Error(error, absl::StrCat("delete ", ToString(route), InNamespace(netns_)));
}

absl::StatusOr<bool> Netlink::HasForeignDefaultRoute() {
  bool found = false;
  const auto status = ForEachMainRoute(socket_, netns_, [&](rtnl_route* entry) {
    const nl_addr* destination = rtnl_route_get_dst(entry);
    found |= rtnl_route_get_protocol(entry) != kPodwarpRouteProtocol &&
             rtnl_route_get_type(entry) == RTN_UNICAST &&
             (destination == nullptr || nl_addr_get_prefixlen(destination) == 0);
  });
  if (!status.ok()) return status;
  return found;
}

}  // namespace podwarp
