// doctor
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commands/command.h"
#include "doctor/checks.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

constexpr char kUsualFile[] = "/etc/podwarp/node.yaml";

struct DoctorOptions {
  std::string config;
  std::string root = "/";
};

void CheckConfig(const DoctorOptions& options, const Json& status, Subject* subject,
                 Findings* findings) {
  findings->Begin("config");
  const std::string said = Text(status, "config_file");
  const std::string usual = subject->machine->Below(kUsualFile);
  const std::string file = !options.config.empty() ? options.config : !said.empty() ? said : usual;
  absl::StatusOr<NodeConfig> config = LoadNodeConfig(file);
  if (config.ok()) {
    findings->Ok(absl::StrCat("what ", file, " says is looked at"));
    subject->config = *std::move(config);
    return;
  }
  const std::string what = absl::StrCat(std::string(config.status().message()));
  if (absl::IsNotFound(config.status()) && options.config.empty()) {
    findings->Warn(absl::StrCat(what,
                                ", so that uplinks, pods and cores aren't looked at: "
                                "--config names another file"));
  } else {
    findings->Problem(what);
  }
}

void CheckRunning(const absl::StatusOr<Json>& status, Subject* subject, Findings* findings) {
  findings->Begin("podwarp");
  if (!status.ok()) {
    findings->Warn(std::string(status.status().message()));
    return;
  }
  const uint64_t pid = Number(*status, "pid");
  if (pid > 0) subject->pid = pid;
  findings->Ok(absl::StrCat("podwarp ", Text(*status, "version"), " is running, process ", pid,
                            Flag(*status, "ready") ? "" : ", but not ready yet"));
}

void Print(const Findings& findings, Context* context) {
  if (context->json) {
    Json array = Json::array();
    for (const Finding& finding : findings.all()) {
      array.push_back({{"check", finding.check},
                       {"level", ToString(finding.level)},
                       {"message", finding.sentence}});
    }
    PrintJson(array, context);
    return;
  }
  for (const Finding& finding : findings.all()) {
    *context->out << absl::StrFormat("%-8s %-11s %s\n", ToString(finding.level), finding.check,
                                     Printable(finding.sentence));
  }
  *context->out << Count(findings.Count(Level::kProblem), "problem") << ", "
                << Count(findings.Count(Level::kWarning), "warning") << '\n';
}

absl::Status Examine(const DoctorOptions& options, Context* context) {
  const Machine machine(options.root);
  Subject subject = {.machine = &machine,
                     .config = std::nullopt,
                     .pid = std::nullopt,
                     .asked_socket = context->client->socket()};
  Findings findings;
  const absl::StatusOr<Json> status = context->client->Get("/v1/status");
  CheckRunning(status, &subject, &findings);
  CheckConfig(options, status.ok() ? *status : Json(), &subject, &findings);
  RunChecks(subject, &findings);
  Print(findings, context);
  if (findings.Count(Level::kProblem) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("");
}

}  // namespace

void AddDoctorCommand(CLI::App* app, Action* chosen) {
  CLI::App* const doctor =
      app->add_subcommand("doctor", "Looks at the machine, and says what to do about it");
  const auto options = std::make_shared<DoctorOptions>();
  doctor
      ->add_option(
          "--config", options->config,
          absl::StrCat("podwarp's configuration; default: the running podwarp's, or ", kUsualFile))
      ->type_name("FILE");
  doctor->add_option("--root", options->root, "where /sys, /proc and /etc are looked for")
      ->type_name("DIR")
      ->capture_default_str();
  doctor->footer(
      "podwarp may be running or not. A warning is what makes it slower, or stop it for some "
      "pods;\n"
      "a problem is what doesn't work. The exit status is 1 if there is a problem.\n\n"
      "Examples:\n"
      "  podwarpctl doctor\n"
      "  podwarpctl doctor --config /etc/podwarp/node.yaml -o json");
  doctor->callback([=] { *chosen = [=](Context* context) { return Examine(*options, context); }; });
}

}  // namespace podwarp::ctl
