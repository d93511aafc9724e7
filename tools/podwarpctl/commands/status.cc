// status, ready, version, reload
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "commands/command.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

// "3 of 4 up"
std::string PartOf(const Json& counts, std::string_view part) {
  return absl::StrCat(Count(Number(counts, part)), " of ", Count(Number(counts, "total")), " ",
                      std::string(part));
}

// "services: 12, last heard of 3s ago: connection refused"
std::string ResourceLine(const Json& resource) {
  std::string line =
      absl::StrCat(Text(resource, "name"), ": ",
                   Flag(resource, "synced") ? Amount(resource, "objects") : "not known yet");
  if (Flag(resource, "connected")) return line;
  if (!Text(resource, "seconds_since_contact").empty()) {
    absl::StrAppend(&line, ", last heard of ", Span(Number(resource, "seconds_since_contact")),
                    " ago");
  }
  const std::string error = Text(resource, "last_error");
  return error.empty() ? line : absl::StrCat(line, ": ", error);
}

void PrintStatus(const Json& status, std::ostream* out) {
  const auto line = [&](absl::string_view name, const std::string& value) {
    *out << absl::StrFormat("%-15s", name) << (value.empty() ? "-" : Printable(value)) << '\n';
  };
  line("node",
       absl::StrCat(Text(status, "node"), Flag(status, "ready") ? ", ready" : ", not ready"));
  line("podwarp",
       absl::StrCat(Text(status, "version"), ", ", Text(status, "dpdk"), ", process ",
                    Text(status, "pid"), ", up ", Span(Number(status, "uptime_seconds"))));
  line("virtual MAC", Text(status, "virtual_mac"));
  line("gateway", Text(status, "gateway"));
  line("hairpin mode", Text(status, "hairpin_mode"));
  line("workers", absl::StrFormat("%s, %.1f %% busy", Count(Number(status, "workers")),
                                  Real(status, "busy_percent")));
  line("ports", PartOf(Field(status, "ports"), "up"));
  line("pods", PartOf(Field(status, "pods"), "up"));
  line("nodes", PartOf(Field(status, "nodes"), "resolved"));
  line("routes", Count(Number(status, "routes")));
  line("services", Count(Number(status, "services")));
  line("frames", absl::StrCat(Count(Number(status, "received_frames")), " received, ",
                              Count(Number(status, "transmitted_frames")), " sent, ",
                              Count(Number(status, "dropped_frames")), " dropped"));
  if (const Json& kubernetes = Field(status, "kubernetes"); kubernetes.is_object()) {
    line("kubernetes", Text(kubernetes, "summary"));
    for (const Json& resource : Field(kubernetes, "resources")) line("", ResourceLine(resource));
    for (const Json& note : Field(kubernetes, "notes")) line("", Text(note));
  }
  line("file prefix", Text(status, "file_prefix"));
  line("configuration", Text(status, "config_file"));
  line("state", Text(status, "state_file"));
  for (const Json& note : Field(status, "notes")) line("", Text(note));
}

absl::Status ShowStatus(Context* context) {
  const absl::StatusOr<Json> status = context->client->Get("/v1/status");
  if (!status.ok()) return status.status();
  if (context->json) {
    PrintJson(*status, context);
  } else {
    PrintStatus(*status, context->out);
  }
  return absl::OkStatus();
}

// For probes, which look at the exit status.
absl::Status ShowReadiness(Context* context) {
  const absl::StatusOr<Json> ready = context->client->Get("/readyz");
  if (!ready.ok()) return ready.status();
  if (context->json) {
    PrintJson(*ready, context);
  } else {
    *context->out << "ready\n";
  }
  return absl::OkStatus();
}

// The program's own version is told in any case.
absl::Status ShowVersion(Context* context) {
  const absl::StatusOr<Json> status = context->client->Get("/v1/status");
  if (context->json) {
    Json versions = {{"podwarpctl", PODWARP_VERSION}, {"podwarp", nullptr}, {"dpdk", nullptr}};
    if (status.ok()) {
      versions["podwarp"] = Field(*status, "version");
      versions["dpdk"] = Field(*status, "dpdk");
    }
    PrintJson(versions, context);
    return status.status();
  }
  *context->out << "podwarpctl " << PODWARP_VERSION << '\n';
  if (status.ok()) {
    *context->out << "podwarp    " << Printable(Text(*status, "version")) << ", "
                  << Printable(Text(*status, "dpdk")) << '\n';
  }
  return status.status();
}

absl::Status Reload(Context* context) {
  const absl::StatusOr<Json> answer = context->client->Post("/v1/reload");
  if (!answer.ok()) return answer.status();
  const Json& failed = Field(*answer, "failed");
  if (context->json) {
    PrintJson(*answer, context);
  } else {
    *context->out << Count(Number(*answer, "changes"), "change") << '\n';
  }
  if (failed.empty()) return absl::OkStatus();
  std::string sentences = "some of it failed:";
  for (const Json& sentence : failed) absl::StrAppend(&sentences, "\n", Text(sentence));
  return absl::FailedPreconditionError(sentences);
}

}  // namespace

void AddStatusCommands(CLI::App* app, Action* chosen) {
  CLI::App* const status = app->add_subcommand("status", "How the node is doing");
  status->footer(
      "Examples:\n"
      "  podwarpctl status\n"
      "  podwarpctl status -o json | jq .ready");
  status->callback([=] { *chosen = ShowStatus; });

  CLI::App* const ready = app->add_subcommand("ready", "Whether the node forwards, for probes");
  ready->footer(
      "Exit status 1 if it doesn't yet, with the reason.\n\n"
      "Examples:\n"
      "  podwarpctl ready && echo forwards");
  ready->callback([=] { *chosen = ShowReadiness; });

  CLI::App* const version = app->add_subcommand("version", "Versions of podwarpctl and podwarp");
  version->footer(
      "Examples:\n"
      "  podwarpctl version\n"
      "  podwarpctl version -o json");
  version->callback([=] { *chosen = ShowVersion; });

  CLI::App* const reload =
      app->add_subcommand("reload", "Has podwarp read its configuration file anew");
  reload->footer(
      "A file with a fault changes nothing, and all its faults are shown.\n\n"
      "Examples:\n"
      "  podwarpctl reload");
  reload->callback([=] { *chosen = Reload; });
}

}  // namespace podwarp::ctl
