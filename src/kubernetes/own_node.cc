#include "kubernetes/own_node.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "net/mix.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;

// The same at every start, which absl::Hash is not.
uint64_t StableHash(std::string_view text) {
  uint64_t hash = text.size();
  for (const char c : text) hash = Mix(hash ^ static_cast<uint8_t>(c));
  return hash;
}

}  // namespace

std::optional<Json> PatchOf(const KubeNode& node, const OwnAnnotations& own) {
  // Faults are of these two annotations only: of one that can't be read, and is to be replaced.
  if (node.faults.empty() && node.virtual_mac == own.virtual_mac &&
      node.underlay_address == own.underlay_address) {
    return std::nullopt;
  }
  Json annotations = Json::object();
  annotations[kVirtualMacAnnotation] = own.virtual_mac.ToString();
  annotations[kUnderlayAddressAnnotation] =
      own.underlay_address.has_value() ? Json(own.underlay_address->ToString()) : Json();
  return Json{{"metadata", {{"annotations", annotations}}}};
}

std::string DuplicateMacSentence(MacAddress mac, const std::vector<std::string>& nodes,
                                 const std::string& own_name) {
  constexpr size_t kMostNamed = 5;
  std::vector<std::string> others;
  for (const std::string& name : nodes) {
    if (name != own_name) others.push_back(name);
  }
  std::string more;
  if (others.size() > kMostNamed) {
    more = absl::StrCat(" and ", others.size() - kMostNamed, " more");
    others.resize(kMostNamed);
  }
  return absl::StrCat("virtual MAC ", mac.ToString(), " of node ", own_name, " is also that of ",
                      absl::StrJoin(others, ", "), more,
                      ": frames for one may reach the other; give each a virtual_mac of its own");
}

Json WarningOf(const std::string& name, const std::string& reason, const std::string& message,
               absl::Time now) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone());
  // A name has 253 characters at most, and letters or digits before and behind its dots.
  constexpr size_t kMostOfNode = 200;
  std::string id = name.substr(0, kMostOfNode);
  while (!id.empty() && !absl::ascii_isalnum(static_cast<uint8_t>(id.back()))) id.pop_back();
  absl::StrAppend(&id, ".", absl::AsciiStrToLower(reason), "-",
                  absl::Hex(StableHash(message), absl::kZeroPad16));
  Json event;
  event["apiVersion"] = "v1";
  event["kind"] = "Event";
  event["metadata"] = {
      {"name", id},
      // Where events about what has no namespace belong.
      {"namespace", "default"},
  };
  // A node's name for its uid, as kubelet has it.
  event["involvedObject"] = {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", name}, {"uid", name}};
  event["type"] = "Warning";
  event["reason"] = reason;
  event["message"] = message;
  event["firstTimestamp"] = time;
  event["lastTimestamp"] = time;
  event["count"] = 1;
  event["source"] = {{"component", "podwarp"}, {"host", name}};
  event["reportingComponent"] = "podwarp";
  event["reportingInstance"] = name;
  return event;
}

}  // namespace podwarp
