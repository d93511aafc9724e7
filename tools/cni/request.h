// What the runtime asks for: the environment and the standard input of a call.
// CNI SPEC.md 1.1.0, "Parameters" and "CNI operations".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "error.h"

namespace podwarp::cni {

enum class Verb { kAdd, kDel, kCheck, kStatus, kVersion, kGc };

using Environment = std::map<std::string, std::string>;

inline constexpr const char* kVersions[] = {"0.4.0", "1.0.0", "1.1.0"};
inline constexpr const char* kNewestVersion = "1.1.0";

struct Request {
  Verb verb = Verb::kVersion;
  std::string container_id;
  std::string netns;                             // a path
  std::string interface;                         // CNI_IFNAME
  std::map<std::string, std::string> arguments;  // of CNI_ARGS
  std::vector<std::string> path;                 // CNI_PATH
  std::string version;                           // of the configuration
  Json config;
  std::string config_text;  // as it came, for delegated plugins
};

// The version that `config_text` asks for if it is one of kVersions, else the newest: for errors.
std::string VersionForErrors(const std::string& config_text);

// Throws CniError: 1, 4 (all faulty variables in one go), 6.
Request ParseRequest(const Environment& environment, const std::string& config_text);

}  // namespace podwarp::cni
