#include "kubernetes/objects.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "kubernetes/json_fields.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;

std::string TextOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<Ipv4Address> HostAddress(const std::string& text) {
  const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(text);
  if (!address.ok() || !address->is_host()) return std::nullopt;
  return *address;
}

// Kubernetes lets a range have bits past its length, and spaces around it.
std::optional<Ipv4Prefix> LooseRange(const std::string& text) {
  const std::string range(absl::StripAsciiWhitespace(text));
  const size_t slash = range.find('/');
  const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(range.substr(0, slash));
  uint32_t length;
  if (slash == std::string::npos || !address.ok() ||
      !absl::SimpleAtoi(range.substr(slash + 1), &length) || length > 32) {
    return std::nullopt;
  }
  return Ipv4Prefix(*address, static_cast<uint8_t>(length));
}

template <typename T>
void AddOnce(const std::optional<T>& value, std::vector<T>* list) {
  if (!value.has_value() || std::find(list->begin(), list->end(), *value) != list->end()) return;
  list->push_back(*value);
}

absl::Time CreatedOf(const Json& object) {
  absl::Time time;
  std::string error;
  const std::string text = TextAt(object, {"metadata", "creationTimestamp"});
  return absl::ParseTime(absl::RFC3339_full, text, &time, &error) ? time : absl::InfinitePast();
}

// What somebody wrote as an annotation; a fault if it can't be read.
template <typename T>
std::optional<T> Annotation(const Json& object, const char* name,
                            absl::StatusOr<T> (*parse)(const std::string&),
                            std::vector<std::string>* faults) {
  const std::string text = TextAt(object, {"metadata", "annotations"}, name);
  if (text.empty()) return std::nullopt;
  const absl::StatusOr<T> value = parse(text);
  if (value.ok()) return *value;
  faults->push_back(absl::StrCat("annotation ", name, ": ", std::string(value.status().message())));
  return std::nullopt;
}

std::string ProtocolAt(const Json& port) {
  const std::string protocol = TextAt(port, {"protocol"});
  return protocol.empty() ? "TCP" : protocol;
}

KubeServicePort ParseServicePort(const Json& object) {
  KubeServicePort port;
  port.name = TextAt(object, {"name"});
  port.protocol = ProtocolAt(object);
  port.port = PortAt(object, {"port"}).value_or(0);
  port.node_port = PortAt(object, {"nodePort"}).value_or(0);
  return port;
}

std::optional<Ipv4Address> ClusterAddressOf(const Json& object) {
  if (TextAt(object, {"spec", "type"}) == "ExternalName" ||
      !TextAt(object, {"metadata", "labels"}, "service.kubernetes.io/service-proxy-name").empty()) {
    return std::nullopt;
  }
  for (const Json& text : ListAt(object, {"spec", "clusterIPs"})) {
    if (const auto address = HostAddress(TextOf(text))) return address;
  }
  return HostAddress(TextAt(object, {"spec", "clusterIP"}));
}

void ParseExternalAddresses(const Json& object, std::vector<Ipv4Address>* addresses) {
  for (const Json& text : ListAt(object, {"spec", "externalIPs"})) {
    AddOnce(HostAddress(TextOf(text)), addresses);
  }
  if (TextAt(object, {"spec", "type"}) != "LoadBalancer") return;
  for (const Json& ingress : ListAt(object, {"status", "loadBalancer", "ingress"})) {
    if (TextAt(ingress, {"ipMode"}) == "Proxy") continue;
    AddOnce(HostAddress(TextAt(ingress, {"ip"})), addresses);
  }
}

void ParseSourceRanges(const Json& object, KubeService* service) {
  for (const Json& entry : ListAt(object, {"spec", "loadBalancerSourceRanges"})) {
    const std::string text = TextOf(entry);
    service->has_source_ranges = true;
    const std::optional<Ipv4Prefix> range = LooseRange(text);
    AddOnce(range, &service->source_ranges);
    if (!range.has_value() && text.find(':') == std::string::npos) {
      service->faults.push_back(
          absl::StrCat("loadBalancerSourceRanges: '", text, "' is not a range of addresses"));
    }
  }
}

absl::Duration AffinityOf(const Json& object) {
  constexpr int64_t kDefault = 10'800, kMost = 86'400;  // seconds
  if (TextAt(object, {"spec", "sessionAffinity"}) != "ClientIP") return absl::ZeroDuration();
  const int64_t seconds =
      IntegerAt(object, {"spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"})
          .value_or(kDefault);
  return absl::Seconds(std::clamp<int64_t>(seconds, 1, kMost));
}

std::optional<KubeEndpoint> ParseEndpoint(const Json& object) {
  const Json& addresses = ListAt(object, {"addresses"});
  if (addresses.empty()) return std::nullopt;
  const std::optional<Ipv4Address> address = HostAddress(TextOf(addresses[0]));
  if (!address.has_value()) return std::nullopt;
  KubeEndpoint endpoint;
  endpoint.address = *address;
  // What isn't said: ready is to be taken as true, serving as ready is, terminating as false.
  endpoint.is_ready = BoolAt(object, {"conditions", "ready"}).value_or(true);
  endpoint.is_serving = BoolAt(object, {"conditions", "serving"}).value_or(endpoint.is_ready);
  endpoint.is_terminating = BoolAt(object, {"conditions", "terminating"}).value_or(false);
  endpoint.node = TextAt(object, {"nodeName"});
  for (const Json& zone : ListAt(object, {"hints", "forZones"})) {
    const std::string name = TextAt(zone, {"name"});
    if (!name.empty()) endpoint.zones.push_back(name);
  }
  return endpoint;
}

}  // namespace

std::string KubeKeyOf(const Json& object) {
  const std::string name = TextAt(object, {"metadata", "name"});
  const std::string name_space = TextAt(object, {"metadata", "namespace"});
  return name.empty() || name_space.empty() ? name : absl::StrCat(name_space, "/", name);
}

KubeNode ParseKubeNode(const Json& object) {
  KubeNode node;
  node.name = TextAt(object, {"metadata", "name"});
  node.zone = TextAt(object, {"metadata", "labels"}, "topology.kubernetes.io/zone");
  for (const Json& text : ListAt(object, {"spec", "podCIDRs"})) {
    AddOnce(LooseRange(TextOf(text)), &node.pod_cidrs);
  }
  AddOnce(LooseRange(TextAt(object, {"spec", "podCIDR"})), &node.pod_cidrs);
  for (const Json& address : ListAt(object, {"status", "addresses"})) {
    if (TextAt(address, {"type"}) != "InternalIP") continue;
    AddOnce(HostAddress(TextAt(address, {"address"})), &node.internal_addresses);
  }
  node.virtual_mac = Annotation(object, kVirtualMacAnnotation, ParseUnicastMac, &node.faults);
  node.underlay_address =
      Annotation(object, kUnderlayAddressAnnotation, ParseHostAddress, &node.faults);
  return node;
}

KubePod ParseKubePod(const Json& object) {
  KubePod pod;
  pod.node = TextAt(object, {"spec", "nodeName"});
  pod.created = CreatedOf(object);
  for (const Json& ip : ListAt(object, {"status", "podIPs"})) {
    AddOnce(HostAddress(TextAt(ip, {"ip"})), &pod.ips);
  }
  AddOnce(HostAddress(TextAt(object, {"status", "podIP"})), &pod.ips);
  pod.host_network = BoolAt(object, {"spec", "hostNetwork"}).value_or(false);
  pod.is_being_deleted = !TextAt(object, {"metadata", "deletionTimestamp"}).empty();
  const std::string phase = TextAt(object, {"status", "phase"});
  pod.is_finished = phase == "Succeeded" || phase == "Failed";
  return pod;
}

KubeService ParseKubeService(const Json& object) {
  KubeService service;
  service.created = CreatedOf(object);
  service.cluster_address = ClusterAddressOf(object);
  if (!service.cluster_address.has_value()) return service;
  for (const Json& port : ListAt(object, {"spec", "ports"})) {
    service.ports.push_back(ParseServicePort(port));
  }
  ParseExternalAddresses(object, &service.external_addresses);
  ParseSourceRanges(object, &service);
  service.affinity = AffinityOf(object);
  service.is_internal_local = TextAt(object, {"spec", "internalTrafficPolicy"}) == "Local";
  service.is_external_local = TextAt(object, {"spec", "externalTrafficPolicy"}) == "Local";
  return service;
}

KubeSlice ParseKubeSlice(const Json& object) {
  KubeSlice slice;
  const std::string service = TextAt(object, {"metadata", "labels"}, "kubernetes.io/service-name");
  if (!service.empty()) {
    slice.service = absl::StrCat(TextAt(object, {"metadata", "namespace"}), "/", service);
  }
  if (TextAt(object, {"addressType"}) != "IPv4") return slice;
  for (const Json& entry : ListAt(object, {"ports"})) {
    const std::optional<uint16_t> number = PortAt(entry, {"port"});
    // One without a number stands for all ports, which no service's port does.
    if (!number.has_value()) continue;
    slice.ports.push_back({TextAt(entry, {"name"}), ProtocolAt(entry), *number});
  }
  for (const Json& entry : ListAt(object, {"endpoints"})) {
    std::optional<KubeEndpoint> endpoint = ParseEndpoint(entry);
    if (endpoint.has_value()) slice.endpoints.push_back(*std::move(endpoint));
  }
  return slice;
}

}  // namespace podwarp
