#include "kubernetes/json_fields.h"

#include <limits>

namespace podwarp {

using Json = nlohmann::json;

const Json* FindAt(const Json& object, JsonPath path) {
  const Json* at = &object;
  for (const char* name : path) {
    if (!at->is_object()) return nullptr;
    const auto field = at->find(name);
    if (field == at->end()) return nullptr;
    at = &*field;
  }
  return at->is_null() ? nullptr : at;
}

std::string TextAt(const Json& object, JsonPath path) {
  const Json* text = FindAt(object, path);
  return text != nullptr && text->is_string() ? text->get<std::string>() : "";
}

std::string TextAt(const Json& object, JsonPath path, const std::string& name) {
  const Json* map = FindAt(object, path);
  return map == nullptr ? "" : TextAt(*map, {name.c_str()});
}

std::optional<bool> BoolAt(const Json& object, JsonPath path) {
  const Json* value = FindAt(object, path);
  if (value == nullptr || !value->is_boolean()) return std::nullopt;
  return value->get<bool>();
}

std::optional<int64_t> IntegerAt(const Json& object, JsonPath path) {
  const Json* value = FindAt(object, path);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  return value->get<int64_t>();
}

std::optional<uint16_t> PortAt(const Json& object, JsonPath path) {
  const std::optional<int64_t> number = IntegerAt(object, path);
  if (!number.has_value() || *number < 1 || *number > std::numeric_limits<uint16_t>::max()) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(*number);
}

const Json& ListAt(const Json& object, JsonPath path) {
  static const Json empty = Json::array();
  const Json* list = FindAt(object, path);
  return list != nullptr && list->is_array() ? *list : empty;
}

}  // namespace podwarp
