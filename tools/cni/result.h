// What ADD says, and what CHECK is given to compare with: CNI SPEC.md 1.1.0, section 5.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "error.h"

namespace podwarp::cni {

struct Attached {
  std::string interface;
  std::string netns;
  std::string mac;
  int mtu_bytes = 0;
  std::string socket;                  // empty for a tap
  std::vector<std::string> addresses;  // with their lengths
  std::string gateway;
  Json dns;  // null = none
};

// Each address with the length of the longest of `ranges` that holds it, /32 outside them all: as
// podwarp gives a pod's interface its addresses on the link.
std::vector<std::string> OnLink(const std::vector<std::string>& addresses,
                                const std::vector<std::string>& ranges);

// In `version`'s form. `before` is the result of the plugin before us in the chain, or null: ours
// is added to it.
Json ToResult(const Attached& attached, const std::string& version, const Json& before);

// What a result says of one interface.
struct Expected {
  std::string mac;                  // lower case; empty = not said
  std::set<std::string> addresses;  // with their lengths
  bool has_default_route = false;
};

// Throws CniError 7 if the result hasn't got the interface.
Expected ExpectedOf(const Json& result, const std::string& interface, const std::string& netns);

}  // namespace podwarp::cni
