#include "control/claims.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/config_faults.h"
#include "control/config_values.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

Claim NameClaim(ClaimSpace space, std::string key, const std::string& name) {
  return {.id = {space, name, {}}, .key = std::move(key), .text = name};
}

Claim RangeClaim(std::string key, const Ipv4Prefix& range) {
  return {.id = {ClaimSpace::kRoute, "", range}, .key = std::move(key), .text = range.ToString()};
}

Claim AddressClaim(std::string key, Ipv4Address address) {
  Claim claim = RangeClaim(std::move(key), Ipv4Prefix::Host(address));
  claim.text = address.ToString();
  return claim;
}

Claim MacClaim(std::string key, const MacAddress& mac) {
  return NameClaim(ClaimSpace::kMac, std::move(key), mac.ToString());
}

Claim VdevClaim(std::string key, const std::string& vdev) {
  return NameClaim(ClaimSpace::kDevice, std::move(key), VdevName(vdev));
}

Claim InterfaceClaim(std::string key, const TapPortConfig& tap) {
  const std::string where = tap.netns.empty() ? "podwarp's own namespace" : tap.netns;
  // In an interface's name there is no slash.
  return {.id = {ClaimSpace::kInterface, absl::StrCat(tap.netns, "/", tap.interface), {}},
          .key = std::move(key),
          .text = absl::StrCat(tap.interface, " in ", where)};
}

struct PodPortClaim {
  Claim operator()(const TapPortConfig& tap) const { return InterfaceClaim("port.tap", tap); }
  Claim operator()(const VhostUserPortConfig& port) const {
    return NameClaim(ClaimSpace::kSocket, "port.vhost_user.socket", port.socket);
  }
  Claim operator()(const VdevPortConfig& device) const {
    return VdevClaim("port.vdev", device.vdev);
  }
};

// The hairpin address may be one that the node has already, or one that it keeps pods from having.
bool IsAnothersToo(const Config& config, Ipv4Address hairpin) {
  const std::vector<Ipv4Address>& reserved = config.reserved_addresses;
  return hairpin.is_zero() || hairpin == config.gateway.address ||
         (config.host_port.has_value() && hairpin == config.host_port->address) ||
         std::find(reserved.begin(), reserved.end(), hairpin) != reserved.end();
}

}  // namespace

std::vector<Claim> ClaimsOf(const PodConfig& pod) {
  std::vector<Claim> claims = {NameClaim(ClaimSpace::kPort, "name", pod.full_name())};
  for (size_t i = 0; i < pod.addresses.size(); ++i) {
    claims.push_back(AddressClaim(KeyOf("addresses", i), pod.addresses[i]));
  }
  if (!pod.mac.is_zero()) claims.push_back(MacClaim("mac", pod.mac));  // zero: could not be derived
  claims.push_back(std::visit(PodPortClaim(), pod.port));
  return claims;
}

std::vector<Claim> ClaimsOf(const RemoteNodeConfig& remote) {
  std::vector<Claim> claims = {NameClaim(ClaimSpace::kNode, "name", remote.name)};
  if (remote.underlay_address.has_value()) {
    claims.push_back(AddressClaim("underlay_address", *remote.underlay_address));
  }
  for (size_t i = 0; i < remote.pod_ranges.size(); ++i) {
    claims.push_back(RangeClaim(KeyOf("pod_ranges", i), remote.pod_ranges[i]));
    claims.back().is_range = true;
  }
  if (remote.virtual_mac.has_value()) {
    claims.push_back(MacClaim("virtual_mac", *remote.virtual_mac));
  }
  return claims;
}

std::vector<Claim> ClaimsOf(const RouteConfig& route) {
  return {RangeClaim("prefix", route.prefix)};
}

std::vector<Claim> ClaimsOf(const ServiceConfig& service) {
  std::vector<Claim> claims = {NameClaim(ClaimSpace::kService, "name", service.full_name()),
                               AddressClaim("address", service.address)};
  for (size_t i = 0; i < service.external_addresses.size(); ++i) {
    claims.push_back(AddressClaim(KeyOf("external_addresses", i), service.external_addresses[i]));
  }
  for (size_t i = 0; i < service.ports.size(); ++i) {
    const ServicePortConfig& port = service.ports[i];
    if (port.node_port == 0) continue;
    claims.push_back(NameClaim(ClaimSpace::kNodePort, KeyOf("ports", i, "node_port"),
                               PortText(port.node_port, port.protocol)));
  }
  return claims;
}

std::vector<Claim> ClaimsOf(const Object& object) {
  return std::visit([](const auto& alternative) { return ClaimsOf(alternative); }, object);
}

std::vector<Claim> ClaimsOfSettings(const Config& config) {
  std::vector<Claim> claims;
  const std::optional<HostPortConfig>& host = config.host_port;
  if (host.has_value()) {
    claims.push_back(NameClaim(ClaimSpace::kPort, "host_port.interface", host->interface));
    claims.push_back(
        InterfaceClaim("host_port.interface", {.interface = host->interface, .netns = ""}));
  }
  claims.push_back(NameClaim(ClaimSpace::kNode, "node_name", config.node_name));
  claims.push_back(AddressClaim("gateway.address", config.gateway.address));
  if (host.has_value() && !host->address.is_zero()) {
    claims.push_back(AddressClaim("host_port.address", host->address));
  }
  for (size_t i = 0; i < config.reserved_addresses.size(); ++i) {
    claims.push_back(AddressClaim(KeyOf("reserved_addresses", i), config.reserved_addresses[i]));
  }
  if (!IsAnothersToo(config, config.hairpin_address)) {
    claims.push_back(AddressClaim("hairpin_address", config.hairpin_address));
  }
  if (config.api.has_value()) {
    claims.push_back(NameClaim(ClaimSpace::kSocket, "api.socket", config.api->socket));
  }
  claims.push_back(MacClaim("virtual_mac", config.virtual_mac));
  if (config.gateway.mac != config.virtual_mac) {
    claims.push_back(MacClaim("gateway.mac", config.gateway.mac));
  }
  for (size_t i = 0; i < config.uplinks.size(); ++i) {
    const UplinkConfig& uplink = config.uplinks[i];
    claims.push_back(NameClaim(ClaimSpace::kPort, KeyOf("uplinks", i, "name"), uplink.name));
    if (uplink.address.has_value()) {
      claims.push_back(AddressClaim(KeyOf("uplinks", i, "address"), *uplink.address));
    }
    if (uplink.router.has_value() && uplink.router != uplink.address) {
      claims.push_back(AddressClaim(KeyOf("uplinks", i, "router"), *uplink.router));
    }
    if (!uplink.vdev.empty()) claims.push_back(VdevClaim(KeyOf("uplinks", i, "vdev"), uplink.vdev));
    if (!uplink.pci_address.empty()) {
      claims.push_back(
          NameClaim(ClaimSpace::kDevice, KeyOf("uplinks", i, "pci"), uplink.pci_address));
    }
  }
  return claims;
}

}  // namespace podwarp
