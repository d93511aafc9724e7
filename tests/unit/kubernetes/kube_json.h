// Objects as an API server sends them, short to write.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace podwarp::test {

using Json = nlohmann::json;
using Texts = std::vector<std::string>;

inline Json KubeNodeJson(const std::string& name, const Texts& pod_cidrs, const Json& annotations,
                         const Texts& internal_addresses = {}, const std::string& zone = "") {
  Json node = {{"metadata", {{"name", name}, {"annotations", annotations}}},
               {"spec", {{"podCIDRs", pod_cidrs}}}};
  for (const std::string& address : internal_addresses) {
    node["status"]["addresses"].push_back({{"type", "InternalIP"}, {"address", address}});
  }
  if (!zone.empty()) node["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone;
  return node;
}

// A remote node that can be reached by its virtual MAC.
inline Json KubeNodeWithMac(const std::string& name, const std::string& pod_cidr,
                            const std::string& mac) {
  return KubeNodeJson(name, {pod_cidr}, {{"podwarp.io/virtual-mac", mac}});
}

inline Json KubePodJson(const std::string& name, const std::string& node, const Texts& ips) {
  Json pod = {{"metadata", {{"name", name}, {"namespace", "default"}}},
              {"spec", {{"nodeName", node}}},
              {"status", {{"phase", "Running"}}}};
  for (const std::string& ip : ips) pod["status"]["podIPs"].push_back({{"ip", ip}});
  return pod;
}

inline Json KubeServiceJson(const std::string& name, const std::string& cluster_ip) {
  const Json port = {{"name", "http"}, {"protocol", "TCP"}, {"port", 80}};
  return {{"metadata", {{"name", name}, {"namespace", "default"}}},
          {"spec",
           {{"type", "ClusterIP"},
            {"clusterIP", cluster_ip},
            {"clusterIPs", Json::array({cluster_ip})},
            {"ports", Json::array({port})}}}};
}

// Of a service's port "http", at 8080.
inline Json KubeSliceJson(const std::string& name, const std::string& service,
                          const std::vector<Json>& endpoints) {
  const Json port = {{"name", "http"}, {"protocol", "TCP"}, {"port", 8080}};
  const Json labels = {{"kubernetes.io/service-name", service}};
  return {{"metadata", {{"name", name}, {"namespace", "default"}, {"labels", labels}}},
          {"addressType", "IPv4"},
          {"endpoints", endpoints},
          {"ports", Json::array({port})}};
}

inline Json KubeEndpointJson(const std::string& address, const std::string& node,
                             const Json& conditions = {{"ready", true}}) {
  return {{"addresses", Json::array({address})}, {"nodeName", node}, {"conditions", conditions}};
}

}  // namespace podwarp::test
