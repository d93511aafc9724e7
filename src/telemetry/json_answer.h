// A report as JSON without DPDK's limits: what the API says.
//
// Thread rule: a value like any other.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace podwarp {

// Takes what AnswerDict takes.
class JsonAnswer {
 public:
  using List = std::vector<std::string>;

  template <typename T>
  JsonAnswer& Add(std::string_view key, const T& value) {
    json_[std::string(key)] = value;
    return *this;
  }
  JsonAnswer& Add(std::string_view key, JsonAnswer answer) {
    json_[std::string(key)] = std::move(answer).Take();
    return *this;
  }
  JsonAnswer& Add(std::string_view key, const std::vector<JsonAnswer>& list) {
    nlohmann::ordered_json& array = json_[std::string(key)] = nlohmann::ordered_json::array();
    for (JsonAnswer answer : list) array.push_back(std::move(answer).Take());
    return *this;
  }
  // With two decimals.
  JsonAnswer& Add(std::string_view key, double number) {
    json_[std::string(key)] = std::round(number * 100) / 100;
    return *this;
  }

  nlohmann::ordered_json Take() && { return std::move(json_); }

 private:
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

}  // namespace podwarp
