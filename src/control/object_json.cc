#include "control/object_json.h"

#include "control/config_checks.h"
#include "control/config_sections.h"
#include "control/config_values.h"
#include "control/service_values.h"
#include "control/text_list.h"

namespace podwarp {
namespace {

struct PodPortToJson {
  Document operator()(const TapPortConfig& tap) const {
    Document json = {{"interface", tap.interface}};
    if (!tap.netns.empty()) json["netns"] = tap.netns;
    json["on_link"] = tap.on_link;
    return {{"tap", json}};
  }
  Document operator()(const VhostUserPortConfig& vhost_user) const {
    Document json = {{"socket", vhost_user.socket},
                     {"mode", vhost_user.server ? "server" : "client"},
                     {"queues", vhost_user.queues}};
    if (vhost_user.socket_mode.has_value()) {
      json["socket_mode"] = FileModeText(*vhost_user.socket_mode);
    }
    if (!vhost_user.group.empty()) json["group"] = vhost_user.group;
    return {{"vhost_user", json}};
  }
  Document operator()(const VdevPortConfig& device) const { return {{"vdev", device.vdev}}; }
};

Document BackendDocument(const BackendConfig& backend) {
  Document json = {{"address", backend.address.ToString()},
                   {"port", backend.port},
                   {"state", ToString(backend.phase)}};
  if (!backend.node.empty()) json["node"] = backend.node;
  return json;
}

Document ServicePortDocument(const ServicePortConfig& port) {
  Document json = Document::object();
  if (!port.name.empty()) json["name"] = port.name;
  json["protocol"] = ProtocolWord(port.protocol);
  json["port"] = port.port;
  if (port.node_port != 0) json["node_port"] = port.node_port;
  json["backends"] = Document::array();
  for (const BackendConfig& backend : port.backends) {
    json["backends"].push_back(BackendDocument(backend));
  }
  return json;
}

template <typename T>
absl::StatusOr<Object> Read(const Document& body, const ObjectDefaults& defaults,
                            void (*read)(MappingReader*, T*)) {
  ConfigFaults faults;
  T object;
  {
    MappingReader reader(&body, "", &faults);
    read(&reader, &object);
  }
  FillDefaults(defaults, &object);
  CheckAlone(object, "", &faults);
  if (!faults.empty()) return faults.ToStatus();
  return object;
}

}  // namespace

absl::StatusOr<Object> ObjectFromJson(ObjectKind kind, const Document& body,
                                      const ObjectDefaults& defaults) {
  if (!body.is_object()) {
    return absl::InvalidArgumentError("expected a JSON object, {\"key\": value, ...}");
  }
  switch (kind) {
    case ObjectKind::kPod:
      return Read(body, defaults, ReadPod);
    case ObjectKind::kNode:
      return Read(body, defaults, ReadRemoteNode);
    case ObjectKind::kRoute:
      return Read(body, defaults, ReadRoute);
    case ObjectKind::kService:
      return Read(body, defaults, ReadService);
  }
  return absl::InternalError("no such kind of object");
}

Document ToJson(const PodConfig& pod) {
  Document json = {{"name", pod.name},
                   {"namespace", pod.pod_namespace},
                   {"mac", pod.mac.ToString()},
                   {"addresses", TextList(pod.addresses)},
                   {"allowed_prefixes", TextList(pod.allowed_prefixes)},
                   {"mtu", pod.mtu_bytes}};
  if (!pod.sandbox.empty()) json["sandbox"] = pod.sandbox;
  json["port"] = std::visit(PodPortToJson(), pod.port);
  return json;
}

Document ToJson(const RemoteNodeConfig& remote) {
  Document json = {{"name", remote.name}};
  if (remote.virtual_mac.has_value()) json["virtual_mac"] = remote.virtual_mac->ToString();
  if (remote.underlay_address.has_value()) {
    json["underlay_address"] = remote.underlay_address->ToString();
  }
  if (!remote.uplink.empty()) json["uplink"] = remote.uplink;
  json["pod_ranges"] = TextList(remote.pod_ranges);
  return json;
}

Document ToJson(const RouteConfig& route) {
  return {{"prefix", route.prefix.ToString()}, {"node", route.node}};
}

Document ToJson(const ServiceConfig& service) {
  Document json = {{"name", service.name},
                   {"namespace", service.service_namespace},
                   {"address", service.address.ToString()},
                   {"session_affinity", AffinityText(service.session_affinity)},
                   {"external_addresses", TextList(service.external_addresses)},
                   {"source_ranges", TextList(service.source_ranges)},
                   {"internal_traffic", ToString(service.internal_traffic)},
                   {"external_traffic", ToString(service.external_traffic)}};
  json["ports"] = Document::array();
  for (const ServicePortConfig& port : service.ports) {
    json["ports"].push_back(ServicePortDocument(port));
  }
  return json;
}

Document ToJson(const Object& object) {
  return std::visit([](const auto& alternative) { return ToJson(alternative); }, object);
}

}  // namespace podwarp
