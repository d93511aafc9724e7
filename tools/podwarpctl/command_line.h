// The command line: what it asks for, or what is wrong with it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "commands/command.h"

namespace podwarp::ctl {

struct CommandLine {
  std::string socket = "/run/podwarp/api.sock";
  bool json = false;
  std::string command;  // "pod add"
  std::string help;     // is asked for: this is it, and there is no action
  Action action;
};

// `arguments` without the program's name. Errors: InvalidArgument that says what is wrong, what was
// probably meant, and which --help says more.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// An action's InvalidArgument, with the --help that says more.
absl::Status WithHint(const absl::Status& status, const std::string& command);

}  // namespace podwarp::ctl
