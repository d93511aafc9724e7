#include "result.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>

namespace podwarp::cni {
namespace {

constexpr char kEverywhere[] = "0.0.0.0/0";

// -1: not a range that holds the address.
int LengthIfWithin(const std::string& address, const std::string& range) {
  const size_t slash = range.find('/');
  in_addr host, network;
  if (slash == std::string::npos || inet_pton(AF_INET, address.c_str(), &host) != 1 ||
      inet_pton(AF_INET, range.substr(0, slash).c_str(), &network) != 1) {
    return -1;
  }
  const int length = std::atoi(range.c_str() + slash + 1);
  if (length < 0 || length > 32) return -1;
  const uint32_t mask = length == 0 ? 0 : ~uint32_t{0} << (32 - length);
  return ((ntohl(host.s_addr) ^ ntohl(network.s_addr)) & mask) == 0 ? length : -1;
}

Json ListOf(const Json& object, const char* key) {
  const Json list = object.is_object() ? object.value(key, Json()) : Json();
  return list.is_array() ? list : Json::array();
}

std::string TextOf(const Json& object, const char* key) {
  const Json text = object.is_object() ? object.value(key, Json()) : Json();
  return text.is_string() ? text.get<std::string>() : "";
}

}  // namespace

std::vector<std::string> OnLink(const std::vector<std::string>& addresses,
                                const std::vector<std::string>& ranges) {
  std::vector<std::string> result;
  for (const std::string& address : addresses) {
    int length = -1;
    for (const std::string& range : ranges) {
      length = std::max(length, LengthIfWithin(address, range));
    }
    result.push_back(address + "/" + std::to_string(length < 0 ? 32 : length));
  }
  return result;
}

Json ToResult(const Attached& attached, const std::string& version, const Json& before) {
  Json result = before.is_object() ? before : Json::object();
  result["cniVersion"] = version;
  Json interface = {{"name", attached.interface}, {"mac", attached.mac}};
  if (version == "1.1.0") {
    interface["mtu"] = attached.mtu_bytes;
    if (!attached.socket.empty()) interface["socketPath"] = attached.socket;
  }
  interface["sandbox"] = attached.netns;
  Json interfaces = ListOf(result, "interfaces");
  const size_t index = interfaces.size();
  interfaces.push_back(std::move(interface));
  result["interfaces"] = std::move(interfaces);

  Json ips = ListOf(result, "ips");
  for (const std::string& address : attached.addresses) {
    Json ip = Json::object();
    if (version == "0.4.0") ip["version"] = "4";
    ip["address"] = address;
    ip["gateway"] = attached.gateway;
    ip["interface"] = index;
    ips.push_back(std::move(ip));
  }
  result["ips"] = std::move(ips);

  Json routes = ListOf(result, "routes");
  routes.push_back({{"dst", kEverywhere}, {"gw", attached.gateway}});
  result["routes"] = std::move(routes);
  if (!attached.dns.is_null()) {
    result["dns"] = attached.dns;
  } else if (!result.contains("dns")) {
    result["dns"] = Json::object();
  }
  return result;
}

Expected ExpectedOf(const Json& result, const std::string& interface, const std::string& netns) {
  const Json interfaces = ListOf(result, "interfaces");
  const auto is_ours = [&](const Json& entry) {
    return TextOf(entry, "name") == interface && TextOf(entry, "sandbox") == netns;
  };
  const auto found = std::find_if(interfaces.begin(), interfaces.end(), is_ours);
  if (found == interfaces.end()) {
    throw CniError(kInvalidConfig, "invalid network configuration",
                   "prevResult: has no interface " + interface + " in " + netns);
  }
  Expected expected{.mac = TextOf(*found, "mac")};
  std::transform(expected.mac.begin(), expected.mac.end(), expected.mac.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto index = found - interfaces.begin();
  for (const Json& ip : ListOf(result, "ips")) {
    const Json of = ip.is_object() ? ip.value("interface", Json()) : Json();
    if (of.is_number_integer() && of == index) expected.addresses.insert(TextOf(ip, "address"));
  }
  for (const Json& route : ListOf(result, "routes")) {
    if (TextOf(route, "dst") == kEverywhere) expected.has_default_route = true;
  }
  return expected;
}

}  // namespace podwarp::cni
