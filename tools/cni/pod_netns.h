// A look into a container's network namespace, and what is taken out of it.
#pragma once

#include <optional>
#include <set>
#include <string>

namespace podwarp::cni {

struct PodInterface {
  std::string mac;                  // 02:00:00:00:00:01
  std::set<std::string> addresses;  // IPv4 with its length: 10.244.1.10/16
  bool has_default_route = false;
};

// None if the namespace has no such interface. Throws CniError: 3 if there is no such namespace, 5.
std::optional<PodInterface> FindInterface(const std::string& netns, const std::string& interface);

// Deletes the interface if it is a tap, and leaves any other alone: podwarp makes none. OK if it is
// gone already. Throws as FindInterface(), and CniError 5.
void DeleteTap(const std::string& netns, const std::string& interface);

}  // namespace podwarp::cni
