#include "ipam.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "node_ranges.h"
#include "program.h"

namespace podwarp::cni {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // DHCP may take its time

// The error of a plugin as it said it.
CniError ErrorOf(const std::string& plugin, const ProgramEnd& end) {
  const Json said = Json::parse(end.output, nullptr, /*allow_exceptions=*/false);
  if (said.is_object() && said.value("code", Json()).is_number_integer()) {
    const auto text = [&](const char* key) {
      const Json value = said.value(key, Json());
      return value.is_string() ? value.get<std::string>() : "";
    };
    return {said["code"].get<int>(), plugin + ": " + text("msg"), text("details")};
  }
  return {kIpamBroken, "the IPAM plugin failed",
          plugin + " ended with status " + std::to_string(end.status) + " and said '" + end.output +
              "'"};
}

}  // namespace

Addresses ParseAddresses(const std::string& plugin, const Json& result) {
  const auto broken = [&](const std::string& why) {
    return CniError(kIpamBroken, "the IPAM plugin failed", plugin + ": " + why);
  };
  const Json ips = result.is_object() ? result.value("ips", Json()) : Json();
  if (!ips.is_array() || ips.empty()) throw broken("no ips in its result: " + result.dump());
  Addresses addresses{.addresses = {}, .dns = result.value("dns", Json())};
  for (const Json& ip : ips) {
    const Json value = ip.is_object() ? ip.value("address", Json()) : Json();
    if (!value.is_string()) throw broken("no address in " + ip.dump());
    const auto text = value.get<std::string>();
    const std::string address = text.substr(0, text.find('/'));
    in_addr four;
    in6_addr six;
    if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
      addresses.addresses.push_back(address);
    } else if (inet_pton(AF_INET6, address.c_str(), &six) == 1) {
      throw CniError(kRefused, "podwarp refuses",
                     plugin + ": " + address + ": podwarp doesn't carry IPv6");
    } else {
      throw broken("'" + text + "' is not an address");
    }
  }
  return addresses;
}

std::string Ipam::Find() const {
  std::string searched;
  for (const std::string& folder : request_.path) {
    std::string path = folder + "/" + name_;
    if (access(path.c_str(), X_OK) == 0) return path;
    searched += (searched.empty() ? "" : ", ") + folder;
  }
  throw CniError(kInvalidConfig, "invalid network configuration",
                 "ipam.type: there is no plugin '" + name_ + "' in CNI_PATH (" + searched + ")");
}

std::string Ipam::Run(const std::string& command) const {
  const Json& config = request_.config;
  return Run(command, LacksRanges(config.at("ipam")) ? WithAnyRange(config) : request_.config_text);
}

std::string Ipam::Run(const std::string& command, const std::string& input) const {
  Environment environment = environment_;
  environment["CNI_COMMAND"] = command;
  const ProgramEnd end = RunProgram(Find(), environment, input, kPatience);
  if (end.status != 0) throw ErrorOf(name_, end);
  return end.output;
}

Addresses Ipam::Add(const Json& running) const {
  const Json& config = request_.config;
  const std::string output =
      Run("ADD",
          LacksRanges(config.at("ipam")) ? WithNodeRanges(config, running) : request_.config_text);
  return ParseAddresses(name_, Json::parse(output, nullptr, /*allow_exceptions=*/false));
}

}  // namespace podwarp::cni
