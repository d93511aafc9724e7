#include "commands/names.h"

#include "absl/strings/str_cat.h"
#include "client/api_client.h"

namespace podwarp::ctl {

std::string PodKey(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::string(name);
  return absl::StrCat("default/", std::string(name));
}

std::string PodPath(std::string_view name) {
  const std::string key = PodKey(name);
  const size_t slash = key.find('/');
  return absl::StrCat("/v1/pods/", InPath(key.substr(0, slash)), "/",
                      InPath(key.substr(slash + 1)));
}

std::string NodePath(std::string_view name) { return absl::StrCat("/v1/nodes/", InPath(name)); }

std::string RoutePath(std::string_view prefix) {
  return absl::StrCat("/v1/routes/", InPath(prefix));
}

}  // namespace podwarp::ctl
