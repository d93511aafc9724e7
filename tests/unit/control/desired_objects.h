// Objects for tests of what a node is to have.
#pragma once

#include <string>

#include "control/desired_state.h"
#include "support/literals.h"

namespace podwarp::test {

inline PodConfig PodAt(const std::string& name, Ipv4Address address) {
  PodConfig pod;
  pod.name = name;
  pod.mac = MacAddress::DeriveFrom(pod.full_name());
  pod.addresses = {address};
  pod.port = TapPortConfig{.interface = "eth0", .netns = "/run/netns/" + name};
  return pod;
}

inline RemoteNodeConfig NodeWith(const std::string& name, Ipv4Prefix range) {
  RemoteNodeConfig node;
  node.name = name;
  node.virtual_mac = MacAddress::DeriveFrom(name);
  node.uplink = "uplink0";
  node.pod_ranges = {range};
  return node;
}

inline RouteConfig RouteTo(const std::string& node, Ipv4Prefix prefix) {
  return {.prefix = prefix, .node = node};
}

inline ServiceConfig ServiceAt(const std::string& name, Ipv4Address address) {
  ServiceConfig service;
  service.name = name;
  service.address = address;
  service.ports = {{.name = "", .protocol = 6, .port = 80, .backends = {}}};
  return service;
}

// The file has pod default/web, node-b and service default/dns.
inline Config FileConfig() {
  Config config;
  config.node_name = "node-a";
  config.virtual_mac = "02:11:22:33:44:55"_mac;
  config.gateway = {.address = "10.244.1.1"_ip, .mac = config.virtual_mac};
  config.pod_ranges = {"10.244.0.0/16"_prefix};
  config.node_pod_ranges = {"10.244.1.0/24"_prefix};
  config.service_ranges = {"10.96.0.0/16"_prefix};
  UplinkConfig uplink;
  uplink.name = "uplink0";
  uplink.vdev = "net_null0";
  uplink.address = "192.0.2.1"_ip;
  uplink.address_prefix_length = 24;
  config.uplinks = {uplink};
  config.pods = {PodAt("web", "10.244.1.10"_ip)};
  config.nodes = {NodeWith("node-b", "10.244.2.0/24"_prefix)};
  config.services = {ServiceAt("dns", "10.96.0.10"_ip)};
  return config;
}

inline Edit Put(const Object& object) {
  return {.kind = KindOf(object), .key = KeyOf(object), .object = object};
}
inline Edit Delete(const Object& object) {
  return {.kind = KindOf(object), .key = KeyOf(object), .object = std::nullopt};
}

}  // namespace podwarp::test
