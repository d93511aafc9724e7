// The paths of the API, and what each is about.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "control/objects.h"

namespace podwarp {

enum class ApiResource : uint8_t {
  kList,
  kObject,
  kBulk,
  kReload,
  kReport,
  kStream,
  kHealth,
  kReadiness,
  kMetrics
};

struct ApiPath {
  std::string_view pattern;  // as configs/openapi.yaml has it: /v1/pods/{namespace}/{name}
  std::string_view methods;  // "GET, PUT, DELETE"; where there is GET, HEAD is too, but of streams
  ApiResource resource;
  ObjectKind kind;  // of lists and objects

  // Of a report or a stream, as the backend calls it.
  std::string_view name() const { return pattern.substr(sizeof("/v1/") - 1); }
  // What tells how the node is doing, and nothing of its configuration: for those who may not have
  // the rest, too.
  bool is_public() const {
    return resource == ApiResource::kHealth || resource == ApiResource::kReadiness ||
           resource == ApiResource::kMetrics;
  }
  // In upper case, as in `methods`, or HEAD.
  bool Allows(std::string_view method) const;
};
std::span<const ApiPath> ApiPaths();

// A path that somebody asked for.
struct ApiTarget {
  const ApiPath* path = nullptr;
  std::string key;  // of an object, as KeyOf() has it
};
// `path` is decoded. Errors: NotFound (there is no such path), InvalidArgument (there is, but no
// object can have the name that stands in it).
absl::StatusOr<ApiTarget> FindTarget(std::string_view path);

}  // namespace podwarp
