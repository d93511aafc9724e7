// Keys and names of the four kinds of object, by type: for the parts of DesiredState.
#pragma once

#include <optional>
#include <string>
#include <type_traits>

#include "control/objects.h"
#include "port/vhost_limits.h"

namespace podwarp {

inline const std::string& KeyFor(const RemoteNodeConfig& remote) { return remote.name; }
inline std::string KeyFor(const PodConfig& pod) { return pod.full_name(); }
inline const Ipv4Prefix& KeyFor(const RouteConfig& route) { return route.prefix; }
inline std::string KeyFor(const ServiceConfig& service) { return service.full_name(); }

inline const std::string& ToText(const std::string& key) { return key; }
inline std::string ToText(const Ipv4Prefix& key) { return key.ToString(); }

// None: nothing has such a key.
template <typename K>
std::optional<K> ToKey(const std::string& text) {
  if constexpr (std::is_same_v<K, std::string>) {
    return text;
  } else {
    const absl::StatusOr<Ipv4Prefix> prefix = Ipv4Prefix::Parse(text);
    return prefix.ok() ? std::optional<K>(*prefix) : std::nullopt;
  }
}

template <typename T>
constexpr ObjectKind kKindOf = std::is_same_v<T, PodConfig>          ? ObjectKind::kPod
                               : std::is_same_v<T, RemoteNodeConfig> ? ObjectKind::kNode
                               : std::is_same_v<T, RouteConfig>      ? ObjectKind::kRoute
                                                                     : ObjectKind::kService;

template <typename T>
std::string NameFor(const T& object) {
  return NameOf(kKindOf<T>, ToText(KeyFor(object)));
}

// Of the places for vhost-user ports, those that the pod takes.
inline unsigned PlacesOf(const PodConfig& pod) {
  const auto* port = std::get_if<VhostUserPortConfig>(&pod.port);
  return port == nullptr ? 0 : VhostPlaces(port->server);
}

// Calls `visit` with a T of that kind.
template <typename Visit>
decltype(auto) WithKind(ObjectKind kind, const Visit& visit) {
  switch (kind) {
    case ObjectKind::kPod:
      return visit(std::type_identity<PodConfig>());
    case ObjectKind::kNode:
      return visit(std::type_identity<RemoteNodeConfig>());
    case ObjectKind::kRoute:
      return visit(std::type_identity<RouteConfig>());
    default:
      return visit(std::type_identity<ServiceConfig>());
  }
}

}  // namespace podwarp
