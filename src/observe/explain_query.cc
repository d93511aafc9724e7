#include "observe/explain_query.h"

#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "control/service_values.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

// Of a pod or service on this node.
absl::Status SetNamed(const std::string& name, const Node& node, FlowKey* flow) {
  if (const auto service = node.services().find(name); service != node.services().end()) {
    flow->destination = service->second.address;
    const ServicePortConfig& port = service->second.ports.front();
    flow->destination_port = Be16(port.port);
    flow->protocol = port.protocol;
    return absl::OkStatus();
  }
  const auto pod = node.pods().find(name);
  if (pod == node.pods().end()) {
    return absl::NotFoundError(absl::StrCat("there is no pod or service ", name, " on this node"));
  }
  flow->destination = pod->second.config.addresses.front();
  return absl::OkStatus();
}

absl::Status SetPort(const std::string& text, FlowKey* flow) {
  const size_t slash = text.find('/');
  const std::string port = text.substr(0, slash);
  flow->protocol = kIpProtocolTcp;
  if (slash != std::string::npos) {
    const std::string protocol = text.substr(slash + 1);
    const absl::StatusOr<uint8_t> parsed = ParseProtocol(protocol);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", protocol, "' is not tcp, udp or sctp (without a port it is a ping)"));
    }
    flow->protocol = *parsed;
  }
  const absl::StatusOr<uint32_t> number = ParseIntegerIn(port, 1, UINT16_MAX);
  if (number.ok()) flow->destination_port = Be16(static_cast<uint16_t>(*number));
  return number.status();
}

absl::Status SetDestination(const std::string& text, const Node& node, FlowKey* flow) {
  flow->protocol = kIpProtocolIcmp;
  const size_t colon = text.find(':');
  std::string who = text.substr(0, colon);
  constexpr std::string_view kPing = "/icmp";
  const size_t rest = who.size() - std::min(who.size(), kPing.size());
  const bool is_ping = colon == std::string::npos && who.substr(rest) == kPing;
  absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(is_ping ? who.substr(0, rest) : who);
  if (address.ok()) {
    flow->destination = *address;
  } else if (who.find('/') == std::string::npos) {
    return address.status();
  } else if (absl::Status status = SetNamed(who, node, flow); !status.ok()) {
    return status;
  }
  return colon == std::string::npos ? absl::OkStatus() : SetPort(text.substr(colon + 1), flow);
}

template <typename T>
absl::Status SetNumber(const std::string& text, uint32_t least, uint32_t most, T* into) {
  const absl::StatusOr<uint32_t> number = ParseIntegerIn(text, least, most);
  if (number.ok()) *into = T(static_cast<decltype(most)>(*number));
  return number.status();
}

absl::Status Set(const std::string& name, const std::string& value, const Node& node,
                 ExplainRequest* request) {
  FlowKey& flow = request->flow;
  if (name == "from") {
    request->from = value;
    return value.empty() ? absl::InvalidArgumentError("is empty") : absl::OkStatus();
  }
  if (name == "to") return SetDestination(value, node, &flow);
  if (name == "source") {
    const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(value);
    if (address.ok()) flow.source = *address;
    return address.status();
  }
  if (name == "source_port") {
    uint16_t port = 0;
    const absl::Status status = SetNumber(value, 1, UINT16_MAX, &port);
    flow.source_port = Be16(port);
    return status;
  }
  if (name == "ttl") return SetNumber(value, 1, UINT8_MAX, &request->time_to_live);
  if (name == "bytes") return SetNumber(value, 1, UINT16_MAX, &request->frame_bytes);
  if (name == "dont_fragment") {
    const absl::StatusOr<bool> parsed = ParseBool(value);
    if (parsed.ok()) request->dont_fragment = *parsed;
    return parsed.status();
  }
  return absl::InvalidArgumentError(
      "unknown parameter (known: from, to, source, source_port, ttl, bytes, dont_fragment)");
}

}  // namespace

absl::StatusOr<ExplainRequest> ParseExplainRequest(const ApiParameters& parameters,
                                                   const Node& node) {
  ExplainRequest request;
  for (const auto& [name, value] : parameters) {
    const absl::Status status = Set(name, value, node, &request);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(name, ": ", std::string(status.message())));
    }
  }
  for (const char* needed : {"from", "to"}) {
    if (!parameters.contains(needed)) {
      return absl::InvalidArgumentError(absl::StrCat(needed, ": is missing"));
    }
  }
  return request;
}

}  // namespace podwarp
