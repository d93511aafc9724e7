// The command line.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "control/config.h"

namespace podwarp {

struct Options {
  std::string config;
  bool check_config = false;
  bool cleanup = false;
  bool watch_config = false;
  ConfigOverrides overrides;
};

// Also starts logging: to stderr, unless glog's own flags say otherwise.
// Errors: InvalidArgument for what is no flag, or if --config is missing.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

}  // namespace podwarp
