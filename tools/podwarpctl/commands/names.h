// How objects are named on the command line and in paths of the API.
#pragma once

#include <string>
#include <string_view>

namespace podwarp::ctl {

// Of pods and services: "web-1" is "default/web-1".
std::string FullName(std::string_view name);
// "/v1/pods/default/web-1"
std::string PodPath(std::string_view name);
std::string ServicePath(std::string_view name);
std::string NodePath(std::string_view name);
std::string RoutePath(std::string_view prefix);

}  // namespace podwarp::ctl
