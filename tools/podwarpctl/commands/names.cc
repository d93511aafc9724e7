#include "commands/names.h"

#include "absl/strings/str_cat.h"
#include "client/api_client.h"

namespace podwarp::ctl {
namespace {

std::string PathIn(const std::string& list, std::string_view name) {
  const std::string full = FullName(name);
  const size_t slash = full.find('/');
  return absl::StrCat(list, InPath(full.substr(0, slash)), "/", InPath(full.substr(slash + 1)));
}

}  // namespace

std::string FullName(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::string(name);
  return absl::StrCat("default/", std::string(name));
}

std::string PodPath(std::string_view name) { return PathIn("/v1/pods/", name); }

std::string ServicePath(std::string_view name) { return PathIn("/v1/services/", name); }

std::string NodePath(std::string_view name) { return absl::StrCat("/v1/nodes/", InPath(name)); }

std::string RoutePath(std::string_view prefix) {
  return absl::StrCat("/v1/routes/", InPath(prefix));
}

}  // namespace podwarp::ctl
