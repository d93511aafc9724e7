// The IPAM plugin that addresses are delegated to: CNI SPEC.md 1.1.0, section 4.
#pragma once

#include <string>
#include <vector>

#include "network_config.h"
#include "request.h"

namespace podwarp::cni {

// What an IPAM plugin's ADD says, as far as podwarp takes it.
struct Addresses {
  std::vector<std::string> addresses;  // IPv4, without lengths
  Json dns;                            // null = none
};

// Throws CniError 100 if it isn't an answer with at least one address, 101 for IPv6.
Addresses ParseAddresses(const std::string& plugin, const Json& result);

class Ipam {
 public:
  Ipam(const Request& request, const NetworkConfig& config, const Environment& environment)
      : request_(request), name_(config.ipam), environment_(environment) {}

  // Runs the plugin with the call's own environment and input, but for the command and, if it has
  // none, host-local's ranges. Throws CniError: 7 if CNI_PATH hasn't got it; the plugin's own
  // error; 100 if it has none to show; as RunProgram().
  std::string Run(const std::string& command) const;
  // `running` is podwarp's own configuration, for ranges that the call's hasn't got.
  Addresses Add(const Json& running) const;

 private:
  std::string Run(const std::string& command, const std::string& input) const;
  std::string Find() const;

  const Request& request_;
  const std::string name_;
  const Environment& environment_;
};

}  // namespace podwarp::cni
