// podwarpctl: looks at a running podwarp by its API, and changes what it does.
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/exit_status.h"
#include "command_line.h"
#include "text/table.h"

namespace podwarp::ctl {
namespace {

ExitStatus Tell(const absl::Status& status) {
  const std::string message(status.message());
  if (!message.empty()) {
    for (const auto line : absl::StrSplit(message, '\n')) {
      std::cerr << "podwarpctl: " << Printable(std::string(line)) << '\n';
    }
  }
  return ExitStatusOf(status);
}

// A reader that has gone, as `| head`, has all that it wanted.
bool HasReader() {
  pollfd out = {.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return poll(&out, 1, 0) <= 0 || (out.revents & POLLERR) == 0;
}

absl::Status Run(const std::vector<std::string>& arguments) {
  absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) return line.status();
  if (!line->action) {
    line->action = [&](Context* context) {
      *context->out << line->help;
      return absl::OkStatus();
    };
  }
  ApiClient client(line->socket);
  Context context = {.client = &client, .json = line->json, .out = &std::cout, .err = &std::cerr};
  absl::Status status = line->action(&context);
  if (status.ok() && std::cout.flush().fail() && HasReader()) {
    return absl::FailedPreconditionError("the output can't be written");
  }
  return absl::IsInvalidArgument(status) ? WithHint(status, line->command) : status;
}

}  // namespace
}  // namespace podwarp::ctl

int main(int argc, char** argv) {
  // Of a reader that has gone, as `head`, and of an API that ends a connection, writing tells.
  std::signal(SIGPIPE, SIG_IGN);
  return podwarp::ctl::Tell(podwarp::ctl::Run({argv + 1, argv + argc}));
}
