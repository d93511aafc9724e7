// Objects as JSON: the bodies of the API, and what is kept of them. The same keys, rules and
// defaults as in the configuration file.
#pragma once

#include "absl/status/statusor.h"
#include "control/document.h"
#include "control/objects.h"

namespace podwarp {

// Errors: InvalidArgument with all faults that the object has by itself, each on a line,
// "FIELD: what is wrong, and what would be right". Whether it fits the others is not looked at.
absl::StatusOr<Object> ObjectFromJson(ObjectKind kind, const Document& body,
                                      const ObjectDefaults& defaults);

// Reads back to an equal object.
Document ToJson(const PodConfig& pod);
Document ToJson(const RemoteNodeConfig& remote);
Document ToJson(const RouteConfig& route);
Document ToJson(const ServiceConfig& service);
Document ToJson(const Object& object);

// The effective configuration, defaults and all, with the keys of its file.
Document ToJson(const Config& config);

}  // namespace podwarp
