#include "control/objects.h"

#include "absl/strings/str_cat.h"
#include "control/config_values.h"

namespace podwarp {

std::string_view ToString(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kPod:
      return "pod";
    case ObjectKind::kNode:
      return "node";
    case ObjectKind::kRoute:
      return "route";
    case ObjectKind::kService:
      return "service";
  }
  return "";
}

std::string NameOf(ObjectKind kind, std::string_view key) {
  return absl::StrCat(std::string(ToString(kind)), " ", std::string(key));
}

absl::StatusOr<std::string> ParseKey(ObjectKind kind, const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("a name can't have a zero byte");
  }
  switch (kind) {
    case ObjectKind::kPod:
    case ObjectKind::kService: {
      const size_t slash = text.find('/');
      if (slash == std::string::npos) {
        return absl::InvalidArgumentError(absl::StrCat(
            "'", text, "' is not a ", std::string(ToString(kind)), " (expected namespace/name)"));
      }
      const absl::StatusOr<std::string> its_namespace = ParseDnsLabel(text.substr(0, slash));
      if (!its_namespace.ok()) return its_namespace.status();
      const std::string rest = text.substr(slash + 1);
      const absl::StatusOr<std::string> name =
          kind == ObjectKind::kPod ? ParseDnsSubdomain(rest) : ParseDnsLabel(rest);
      if (!name.ok()) return name.status();
      return text;
    }
    case ObjectKind::kNode:
      return ParseDnsSubdomain(text);
    case ObjectKind::kRoute: {
      const absl::StatusOr<Ipv4Prefix> prefix = Ipv4Prefix::Parse(text);
      if (!prefix.ok()) return prefix.status();
      return prefix->ToString();
    }
  }
  return absl::InternalError("no such kind of object");
}

Config SettingsOf(Config config) {
  config.pods.clear();
  config.nodes.clear();
  config.routes.clear();
  config.services.clear();
  return config;
}

std::string_view ToString(Origin origin) {
  switch (origin) {
    case Origin::kFile:
      return "file";
    case Origin::kApi:
      return "api";
    case Origin::kKubernetes:
      return "kubernetes";
  }
  return "";
}

std::string KeyOf(const Object& object) {
  if (const auto* pod = std::get_if<PodConfig>(&object)) return pod->full_name();
  if (const auto* node = std::get_if<RemoteNodeConfig>(&object)) return node->name;
  if (const auto* route = std::get_if<RouteConfig>(&object)) return route->prefix.ToString();
  return std::get<ServiceConfig>(object).full_name();
}

ObjectDefaults DefaultsOf(const Config& config) {
  return {.uplink = config.uplinks.empty() ? "" : config.uplinks[0].name};
}

void FillDefaults(const ObjectDefaults& /*defaults*/, PodConfig* pod) {
  if (pod->mac.is_zero()) pod->mac = MacAddress::DeriveFrom(pod->full_name());
}

void FillDefaults(const ObjectDefaults& defaults, RemoteNodeConfig* remote) {
  if (remote->uplink.empty()) remote->uplink = defaults.uplink;
}

void FillDefaults(const ObjectDefaults& /*defaults*/, RouteConfig* /*route*/) {}

void FillDefaults(const ObjectDefaults& /*defaults*/, ServiceConfig* service) {
  for (ServicePortConfig& port : service->ports) {
    for (BackendConfig& backend : port.backends) {
      if (backend.port == 0) backend.port = port.port;
    }
  }
}

}  // namespace podwarp
