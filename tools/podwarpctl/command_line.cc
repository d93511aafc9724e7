#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/near_miss.h"

namespace podwarp::ctl {
namespace {

void AddCommands(CLI::App* app, Action* chosen) {
  AddStatusCommands(app, chosen);
  AddListCommands(app, chosen);
  AddServiceListCommands(app, chosen);
  AddReportCommands(app, chosen);
  AddTopCommand(app, chosen);
  AddCaptureCommand(app, chosen);
  AddTraceCommand(app, chosen);
  AddPodCommands(app, chosen);
  AddNodeCommands(app, chosen);
  AddRouteCommands(app, chosen);
  AddServiceCommands(app, chosen);
  AddApplyCommand(app, chosen);
  AddDoctorCommand(app, chosen);
  AddExplainCommand(app, chosen);
}

// The command that was come to, "pod add" of `pod add web-1`, and its words.
const CLI::App* Deepest(const CLI::App* app, std::string* words) {
  while (true) {
    const auto parsed = app->get_subcommands();
    if (parsed.empty()) return app;
    app = parsed.front();
    absl::StrAppend(words, words->empty() ? "" : " ", app->get_name());
  }
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> OptionNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

// What is wrong, in one sentence.
std::string Fault(const CLI::App& app, const CLI::App& command, const std::string& words,
                  const CLI::ParseError& error) {
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  const std::string extra = extras.empty() ? "" : extras.front();
  if (absl::StartsWith(extra, "-") && extra != "-") {
    const std::string name = extra.substr(0, extra.find('='));
    const std::string nearest = NearestWord(name, OptionNames(&command));
    return absl::StrCat("'", name, "' is no option here",
                        nearest.empty() ? "" : absl::StrCat(" (did you mean '", nearest, "'?)"));
  }
  const std::vector<std::string> commands = CommandNames(command);
  if (!commands.empty()) {
    if (extra.empty()) return absl::StrCat("a command is missing", DidYouMean("", commands));
    return absl::StrCat("'", extra, "' is no command", words.empty() ? "" : " of ", words,
                        DidYouMean(extra, commands));
  }
  if (!extra.empty()) return absl::StrCat("'", extra, "' is too much");
  return error.what();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  std::string format = "table";
  CLI::App app("Looks at a running podwarp, and changes its pods, nodes, routes and services",
               "podwarpctl");
  app.fallthrough();  // the options below may stand after the command
  app.require_subcommand(1);
  app.add_option("--socket", line.socket, "podwarp's API")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("-o,--output", format, "tables are for people, json for programs")
      ->type_name("table|json")
      ->capture_default_str();
  app.footer(
      "Each command's --help has examples: podwarpctl pod add --help\n\n"
      "Exit status: 0 done, 1 podwarp says no, 2 wrong usage, 3 podwarp does not answer");
  AddCommands(&app, &line.action);

  // CLI11 wants the last one first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    line.help = app.help();
    return line;
  } catch (const CLI::ParseError& error) {
    std::string words;
    const CLI::App* const command = Deepest(&app, &words);
    return WithHint(absl::InvalidArgumentError(Fault(app, *command, words, error)), words);
  }
  Deepest(&app, &line.command);
  if (format != "table" && format != "json") {
    return WithHint(
        absl::InvalidArgumentError(absl::StrCat("-o: '", format, "' is neither table nor json")),
        line.command);
  }
  line.json = format == "json";
  return line;
}

absl::Status WithHint(const absl::Status& status, const std::string& command) {
  return absl::InvalidArgumentError(
      absl::StrCat(command, command.empty() ? "" : ": ", std::string(status.message()),
                   "; see `podwarpctl ", command, command.empty() ? "" : " ", "--help`"));
}

}  // namespace podwarp::ctl
