#include "node_ranges.h"

#include <arpa/inet.h>

#include <cstdint>
#include <cstdlib>
#include <set>

namespace podwarp::cni {
namespace {

std::string ToText(uint32_t address) {
  const in_addr raw = {htonl(address)};
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &raw, text, sizeof(text));
}

// None: it isn't an IPv4 address.
void AddAddress(const Json& text, std::set<uint32_t>* addresses) {
  in_addr raw;
  if (!text.is_string() || inet_pton(AF_INET, text.get<std::string>().c_str(), &raw) != 1) return;
  addresses->insert(ntohl(raw.s_addr));
}

// Addresses that the node uses itself.
std::set<uint32_t> Taken(const Json& running) {
  std::set<uint32_t> taken;
  for (const char* section : {"gateway", "host_port"}) {
    const Json found = running.value(section, Json());
    if (found.is_object()) AddAddress(found.value("address", Json()), &taken);
  }
  AddAddress(running.value("hairpin_address", Json()), &taken);
  for (const Json& address : running.value("reserved_addresses", Json::array())) {
    AddAddress(address, &taken);
  }
  return taken;
}

// What is left of `subnet` between the addresses that are taken: host-local has no list of these.
void AddPieces(const std::string& subnet, const std::set<uint32_t>& taken, Json* set) {
  const size_t slash = subnet.find('/');
  in_addr raw;
  if (slash == std::string::npos ||
      inet_pton(AF_INET, subnet.substr(0, slash).c_str(), &raw) != 1) {
    return;
  }
  const int length = std::atoi(subnet.c_str() + slash + 1);
  if (length < 1 || length > 30) return;  // none between the first and the last address
  const uint32_t network = ntohl(raw.s_addr);
  const uint32_t broadcast = network | (UINT32_MAX >> length);
  uint32_t start = network + 1;
  const auto add = [&](uint32_t end) {  // one past the piece
    if (start >= end) return;
    set->push_back(
        {{"subnet", subnet}, {"rangeStart", ToText(start)}, {"rangeEnd", ToText(end - 1)}});
  };
  for (auto it = taken.lower_bound(start); it != taken.end() && *it < broadcast; ++it) {
    add(*it);
    start = *it + 1;
  }
  add(broadcast);
}

}  // namespace

bool LacksRanges(const Json& ipam) {
  return ipam.is_object() && ipam.value("type", Json()) == "host-local" &&
         !ipam.contains("ranges") && !ipam.contains("subnet");
}

std::string WithNodeRanges(Json config, const Json& running) {
  const std::set<uint32_t> taken = Taken(running);
  Json set = Json::array();
  for (const Json& range : running.value("node_pod_ranges", Json::array())) {
    if (range.is_string()) AddPieces(range.get<std::string>(), taken, &set);
  }
  if (set.empty()) {
    throw CniError(kInvalidConfig, "invalid network configuration",
                   "ipam.ranges: is missing, and podwarp's node_pod_ranges have no address for a "
                   "pod that could stand for it");
  }
  config["ipam"]["ranges"] = Json::array({set});
  return config.dump();
}

std::string WithAnyRange(Json config) {
  config["ipam"]["ranges"] = Json::parse(R"([[{"subnet": "192.0.2.0/24"}]])");
  return config.dump();
}

}  // namespace podwarp::cni
