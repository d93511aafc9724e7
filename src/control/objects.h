// What a node is told to have beyond its own settings: pods, remote nodes, routes to pods that run
// elsewhere than their address says, and services. Each comes from the configuration file, through
// the API or, but for pods, from Kubernetes.
//
// Plain data, for any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config.h"

namespace podwarp {

using Object = std::variant<PodConfig, RemoteNodeConfig, RouteConfig, ServiceConfig>;

// In the order of Object's alternatives.
enum class ObjectKind : uint8_t { kPod, kNode, kRoute, kService };
inline constexpr ObjectKind kObjectKinds[] = {ObjectKind::kPod, ObjectKind::kNode,
                                              ObjectKind::kRoute, ObjectKind::kService};
std::string_view ToString(ObjectKind kind);  // "pod", "node", "route", "service"
// "pod default/web-1": what messages call an object.
std::string NameOf(ObjectKind kind, std::string_view key);

inline ObjectKind KindOf(const Object& object) { return static_cast<ObjectKind>(object.index()); }

// "default/web-1", "node-b", "10.244.3.7/32": unique among the objects of a kind.
std::string KeyOf(const Object& object);
// A key as KeyOf() has it. Errors: InvalidArgument that says what a key of that kind looks like.
absl::StatusOr<std::string> ParseKey(ObjectKind kind, const std::string& text);

// Who says that an object is to be there: of two that disagree, the first in this order. The file
// is what the node's owner decided, and can't be changed through the API. The API is how this node
// alone is told otherwise than Kubernetes tells all nodes, and how CNI says which pods are here: it
// knows that before Kubernetes does.
enum class Origin : uint8_t { kFile, kApi, kKubernetes };
std::string_view ToString(Origin origin);  // "file", "api", "kubernetes"

// A configuration without its pods, nodes, routes and services.
Config SettingsOf(Config config);

// What an object has where it doesn't say.
struct ObjectDefaults {
  std::string uplink;  // of a remote node: the first uplink's name; empty if there is none
};
ObjectDefaults DefaultsOf(const Config& config);
// A pod's MAC derives from its name.
void FillDefaults(const ObjectDefaults& defaults, PodConfig* pod);
void FillDefaults(const ObjectDefaults& defaults, RemoteNodeConfig* remote);
void FillDefaults(const ObjectDefaults& defaults, RouteConfig* route);
// Backends have the port of the service.
void FillDefaults(const ObjectDefaults& defaults, ServiceConfig* service);

// An object is to be there, as it is, or not to be there any more.
struct Edit {
  ObjectKind kind = ObjectKind::kPod;
  std::string key;
  std::optional<Object> object;  // of that kind and key; none = it is to go
};

struct EditResult {
  absl::Status status;  // unless it is OK, nothing was changed
  enum class Outcome : uint8_t { kCreated, kChanged, kUnchanged, kDeleted, kAbsent };
  Outcome outcome = Outcome::kUnchanged;
  std::optional<Object> before;  // what was changed or deleted
};

}  // namespace podwarp
