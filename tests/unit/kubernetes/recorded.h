// What a real API server answered, as files.
#pragma once

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace podwarp::test {

inline std::string Recorded(const std::string& name) {
  std::ifstream file(std::string(PODWARP_RECORDED "/") + name, std::ios::binary);
  if (!file) throw std::runtime_error("no recorded " + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline nlohmann::json RecordedJson(const std::string& name) {
  return nlohmann::json::parse(Recorded(name));
}

inline std::vector<nlohmann::json> RecordedLines(const std::string& name) {
  std::istringstream text(Recorded(name));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace podwarp::test
