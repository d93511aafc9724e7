#include "text/fields.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "text/numbers.h"

namespace podwarp::ctl {

const Json& Field(const Json& object, std::string_view key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(std::string(key));
  return found == object.end() ? kNull : *found;
}

std::string Text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) {
    std::vector<std::string> parts;
    for (const Json& part : value) parts.push_back(Text(part));
    return absl::StrJoin(parts, ",");
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool IsCount(const Json& value) {
  return value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0);
}

uint64_t Number(const Json& object, std::string_view key) {
  const Json& value = Field(object, key);
  return IsCount(value) ? value.get<uint64_t>() : 0;
}

double Real(const Json& object, std::string_view key) {
  const Json& value = Field(object, key);
  return value.is_number() ? value.get<double>() : 0;
}

bool Flag(const Json& object, std::string_view key) {
  const Json& value = Field(object, key);
  return value.is_boolean() && value.get<bool>();
}

std::string Amount(const Json& object, std::string_view key) {
  return IsCount(Field(object, key)) ? Count(Number(object, key)) : "";
}

std::string MainReason(const Json& traffic) {
  const Json& drops = Field(traffic, "drops");
  if (!drops.is_object()) return "";
  std::string reason;
  uint64_t most = 0;
  for (const auto& [name, frames] : drops.items()) {
    if (Number(drops, name) <= most) continue;
    reason = name;
    most = Number(drops, name);
  }
  return reason;
}

std::string StateOf(const Json& status) {
  const std::string shadowed = Text(status, "shadowed");
  if (!shadowed.empty()) return absl::StrCat("hidden: ", shadowed);
  if (!Field(status, "up").is_boolean()) return "";
  if (Flag(status, "up")) return "up";
  const std::string why = Text(status, "why_down");
  return why.empty() ? "down" : absl::StrCat("down: ", why);
}

}  // namespace podwarp::ctl
