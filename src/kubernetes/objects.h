// What podwarp needs to know of the objects of a Kubernetes API server, as plain data.
//
// Every shape is taken: what is missing, null or of another type than the API says has the API's
// default, and what podwarp doesn't forward yet (IPv6) is left out. Values that somebody wrote by
// hand and that can't be read are told as faults, sentences that follow the object's name.
// Source: https://kubernetes.io/docs/reference/kubernetes-api (v1, discovery.k8s.io/v1).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"

namespace podwarp {

// What each podwarp writes on its own Node, for the others.
inline constexpr char kVirtualMacAnnotation[] = "podwarp.io/virtual-mac";
inline constexpr char kUnderlayAddressAnnotation[] = "podwarp.io/underlay-address";

// "default/web-1", or "node-a" of what has no namespace. Empty if the object has no name, as that
// of a bookmark.
std::string KubeKeyOf(const nlohmann::json& object);

struct KubeNode {
  std::string name;
  std::string zone;  // topology.kubernetes.io/zone
  std::vector<Ipv4Prefix> pod_cidrs;
  std::vector<Ipv4Address> internal_addresses;
  // By its annotations.
  std::optional<MacAddress> virtual_mac;
  std::optional<Ipv4Address> underlay_address;
  std::vector<std::string> faults;

  friend bool operator==(const KubeNode&, const KubeNode&) = default;
};
KubeNode ParseKubeNode(const nlohmann::json& object);

struct KubePod {
  std::string node;  // empty: not scheduled yet
  absl::Time created;
  std::vector<Ipv4Address> ips;
  bool host_network = false;      // its addresses are the node's
  bool is_being_deleted = false;  // it may go on for its grace period
  bool is_finished = false;       // Succeeded or Failed: its addresses may be another's

  friend bool operator==(const KubePod&, const KubePod&) = default;
};
KubePod ParseKubePod(const nlohmann::json& object);

struct KubeServicePort {
  std::string name;  // empty for the only one
  std::string protocol = "TCP";
  uint16_t port = 0;
  uint16_t node_port = 0;  // 0 = none

  friend bool operator==(const KubeServicePort&, const KubeServicePort&) = default;
};

struct KubeService {
  absl::Time created;
  // None of a headless service, an ExternalName, or one for IPv6 only; and of one that another
  // proxy is to serve (label service.kubernetes.io/service-proxy-name).
  std::optional<Ipv4Address> cluster_address;
  std::vector<KubeServicePort> ports;
  // spec.externalIPs, and of a LoadBalancer status.loadBalancer.ingress but those of a balancer
  // that forwards to node ports (ipMode Proxy). Each once.
  std::vector<Ipv4Address> external_addresses;
  // loadBalancerSourceRanges. If there are some, but none of IPv4, nobody by IPv4 may come.
  bool has_source_ranges = false;
  std::vector<Ipv4Prefix> source_ranges;
  absl::Duration affinity;  // ClientIP; zero: none
  bool is_internal_local = false;
  bool is_external_local = false;
  std::vector<std::string> faults;

  friend bool operator==(const KubeService&, const KubeService&) = default;
};
KubeService ParseKubeService(const nlohmann::json& object);

struct KubeEndpoint {
  Ipv4Address address;  // the first of them: "consumers must handle it as one", as kube-proxy does
  bool is_ready = true;
  bool is_serving = true;
  bool is_terminating = false;
  std::string node;                // empty: not said
  std::vector<std::string> zones;  // hints.forZones: whose callers it is for

  friend bool operator==(const KubeEndpoint&, const KubeEndpoint&) = default;
};

struct KubeSlicePort {
  std::string name;
  std::string protocol = "TCP";
  uint16_t port = 0;

  friend bool operator==(const KubeSlicePort&, const KubeSlicePort&) = default;
};

struct KubeSlice {
  std::string service;  // "default/web"; empty: nobody's
  // Of IPv4; a slice of another address type has none.
  std::vector<KubeSlicePort> ports;
  std::vector<KubeEndpoint> endpoints;

  friend bool operator==(const KubeSlice&, const KubeSlice&) = default;
};
KubeSlice ParseKubeSlice(const nlohmann::json& object);

}  // namespace podwarp
