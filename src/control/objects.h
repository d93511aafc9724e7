// What a node is told to have beyond its own settings: pods, remote nodes, routes to pods that run
// elsewhere than their address says, and services. Each comes from the configuration file or
// through the API.
//
// Plain data, for any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
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

// Who says that an object is to be there. The file has the last word: what it says can't be changed
// through the API, and takes the place of what the API said before.
enum class Origin : uint8_t { kFile, kApi };
std::string_view ToString(Origin origin);  // "file", "api"

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
