// What all commands have in common: what they are given, and how they show lists and objects.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "client/api_client.h"
#include "text/table.h"

namespace CLI {
class App;
}

namespace podwarp::ctl {

struct Context {
  ApiClient* client;
  bool json = false;  // for programs
  std::ostream* out;
  std::ostream* err;
};

// Does what a command is for. Its error's code is that of exit_status.h, and its message is still
// to be told; an empty one means that all has been said.
using Action = std::function<absl::Status(Context*)>;

// Each adds commands; parsing the command line sets *chosen.
void AddStatusCommands(CLI::App* app, Action* chosen);       // status, version, reload
void AddListCommands(CLI::App* app, Action* chosen);         // pods, nodes, routes, arp
void AddServiceListCommands(CLI::App* app, Action* chosen);  // services, connections
void AddReportCommands(CLI::App* app, Action* chosen);  // ports, workers, drops, stages, latency
void AddTopCommand(CLI::App* app, Action* chosen);
void AddCaptureCommand(CLI::App* app, Action* chosen);
void AddTraceCommand(CLI::App* app, Action* chosen);
void AddPodCommands(CLI::App* app, Action* chosen);      // pod add, pod del
void AddNodeCommands(CLI::App* app, Action* chosen);     // node add, node del
void AddRouteCommands(CLI::App* app, Action* chosen);    // route add, route del
void AddServiceCommands(CLI::App* app, Action* chosen);  // service add, service del
void AddApplyCommand(CLI::App* app, Action* chosen);
void AddDoctorCommand(CLI::App* app, Action* chosen);
void AddExplainCommand(CLI::App* app, Action* chosen);

// For programs.
std::string ToText(const Json& json);
void PrintJson(const Json& json, Context* context);

// How a list is shown.
struct ListView {
  Table table;
  std::function<std::vector<std::string>(const Json& item)> row;
  std::function<bool(const Json& item)> is_shown = [](const Json&) { return true; };
  uint64_t most = UINT64_MAX;  // what is beyond is not shown, which is told on stderr
};
// A list of the API, to its end, as a table or as a JSON array with an item a line. What was shown
// before an error stays; an array isn't closed then.
absl::Status ShowList(const std::string& path, ListView view, Context* context);

}  // namespace podwarp::ctl
