// What an object, or the node by its own settings, has for itself alone: names, addresses, MACs,
// devices, sockets and interfaces that nobody else may have too.
//
// Pure functions on plain data, for any thread.
#pragma once

#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "control/objects.h"

namespace podwarp {

// Within one of them equal values are the same thing. Names of ports are one: they label metrics
// and messages. An address is what a route leads to, a range of 32 bits.
enum class ClaimSpace : uint8_t {
  kPort,
  kNode,
  kService,
  kNodePort,  // "30080/tcp"
  kRoute,
  kMac,
  kDevice,
  kSocket,
  kInterface
};

struct ClaimId {
  ClaimSpace space;
  std::string name;
  Ipv4Prefix prefix;  // of kRoute, which has no name

  friend auto operator<=>(const ClaimId&, const ClaimId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ClaimId& id) {
    return H::combine(std::move(h), id.space, id.name, id.prefix);
  }
};

struct Claim {
  ClaimId id;
  std::string key;   // where it stands: "addresses[0]", "uplinks[1].name"
  std::string text;  // what is claimed as messages show it
  // A remote node's range: nothing else may be it, but that ranges overlap is another check's to
  // tell.
  bool is_range = false;
};

// Keys are relative to the object.
std::vector<Claim> ClaimsOf(const PodConfig& pod);
std::vector<Claim> ClaimsOf(const RemoteNodeConfig& remote);
std::vector<Claim> ClaimsOf(const RouteConfig& route);
std::vector<Claim> ClaimsOf(const ServiceConfig& service);
std::vector<Claim> ClaimsOf(const Object& object);
// Of the node itself; its pods, nodes, routes and services are not looked at.
std::vector<Claim> ClaimsOfSettings(const Config& config);

}  // namespace podwarp
