// Fields of JSON from a server whose shapes vary: one that is missing, null or of another type is
// as if it weren't there.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace podwarp {

// One name for each level: {"spec", "clusterIP"}.
using JsonPath = std::initializer_list<const char*>;

// Null if it isn't there.
const nlohmann::json* FindAt(const nlohmann::json& object, JsonPath path);
// Empty if there is no such text.
std::string TextAt(const nlohmann::json& object, JsonPath path);
// The same by one name that has dots and slashes in it, as labels and annotations have.
std::string TextAt(const nlohmann::json& object, JsonPath path, const std::string& name);
std::optional<bool> BoolAt(const nlohmann::json& object, JsonPath path);
std::optional<int64_t> IntegerAt(const nlohmann::json& object, JsonPath path);
// From 1 to 65535.
std::optional<uint16_t> PortAt(const nlohmann::json& object, JsonPath path);
// An empty list if there is none.
const nlohmann::json& ListAt(const nlohmann::json& object, JsonPath path);

}  // namespace podwarp
