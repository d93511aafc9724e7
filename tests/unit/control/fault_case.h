// Rows {what a file says, the faults it has}.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "control/config.h"

namespace podwarp {

struct FaultCase {
  std::string name;
  std::string text;                 // after the three lines of kBase, so that it starts at line 4
  std::vector<std::string> faults;  // without the file's name
};

inline constexpr char kBase[] =
    "node_name: node-a\n"
    "gateway: {address: 10.244.1.1, mac: 02:00:00:00:00:01}\n"
    "pod_ranges: [10.244.0.0/16]\n";

inline std::vector<std::string> FaultsOf(const std::string& text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "f", {});
  if (config.ok()) return {};
  EXPECT_TRUE(absl::IsInvalidArgument(config.status()));
  std::vector<std::string> lines = absl::StrSplit(std::string(config.status().message()), '\n');
  for (std::string& line : lines) {
    EXPECT_EQ(line.substr(0, 2), "f:") << line;
    line = line.substr(2);
  }
  return lines;
}

inline std::string NameOf(const testing::TestParamInfo<FaultCase>& info) { return info.param.name; }

// A pod with a port of its own; `rest` are further keys.
inline std::string Pod(const std::string& name, const std::string& address,
                       const std::string& rest = "") {
  return "  - {name: " + name + ", addresses: [" + address + "], port: {vdev: net_null_" + name +
         "}" + (rest.empty() ? "" : ", " + rest) + "}\n";
}

inline std::string PodWithPort(const std::string& name, const std::string& address,
                               const std::string& port) {
  return "  - {name: " + name + ", addresses: [" + address + "], port: " + port + "}\n";
}

inline constexpr char kUplink[] =
    "uplinks: [{name: up, vdev: net_null0, address: 192.168.50.1/24}]\n";

}  // namespace podwarp
