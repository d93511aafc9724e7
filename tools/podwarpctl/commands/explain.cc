// explain
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "commands/command.h"
#include "commands/names.h"
#include "text/fields.h"
#include "text/table.h"
#include "text/trace.h"

namespace podwarp::ctl {
namespace {

struct ExplainOptions {
  std::string from, to, source;
  uint32_t source_port = 0, ttl = 0, bytes = 0;  // 0: the API's default
  bool may_fragment = false;
};

std::string PathOf(const ExplainOptions& options) {
  std::string path =
      absl::StrCat("/v1/explain?from=", InPath(options.from), "&to=", InPath(options.to));
  if (!options.source.empty()) absl::StrAppend(&path, "&source=", InPath(options.source));
  const auto add = [&](const char* name, uint32_t value) {
    if (value != 0) absl::StrAppend(&path, "&", name, "=", value);
  };
  add("source_port", options.source_port);
  add("ttl", options.ttl);
  add("bytes", options.bytes);
  if (options.may_fragment) absl::StrAppend(&path, "&dont_fragment=false");
  return path;
}

void PrintTraces(const Json& traces, Context* context) {
  if (!traces.is_array()) return;
  for (const Json& trace : traces) {
    *context->out << '\n';
    PrintTrace(trace, context->out);
  }
}

absl::Status Explain(const ExplainOptions& options, Context* context) {
  const absl::StatusOr<Json> explanation = context->client->Get(PathOf(options));
  if (!explanation.ok()) return explanation.status();
  if (context->json) {
    PrintJson(*explanation, context);
  } else {
    *context->out << Printable(absl::StrCat(Text(*explanation, "from"), " to ",
                                            Text(*explanation, "to"), ": ",
                                            Text(*explanation, "summary")))
                  << '\n';
    PrintTraces(Field(*explanation, "arp"), context);
    PrintTraces(Field(*explanation, "frames"), context);
  }
  if (Text(*explanation, "verdict") != "dropped") return absl::OkStatus();
  return absl::FailedPreconditionError("");
}

}  // namespace

void AddExplainCommand(CLI::App* app, Action* chosen) {
  CLI::App* const explain =
      app->add_subcommand("explain", "What would become of a frame, stage by stage");
  const auto options = std::make_shared<ExplainOptions>();
  explain->add_option("--from", options->from, "who sends: a pod, host or an uplink")
      ->required()
      ->type_name("NAMESPACE/NAME|host|UPLINK");
  explain
      ->add_option("--to", options->to,
                   "an address, or the name of a pod or service; without a port it is a ping")
      ->required()
      ->type_name("IP[:PORT[/tcp|udp|sctp]]");
  explain->add_option("--source", options->source, "default: the sender's own; an uplink needs it")
      ->type_name("IP");
  explain->add_option("--source-port", options->source_port, "default: one that is free")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65'535));
  explain->add_option("--ttl", options->ttl, "time to live; default: 64")
      ->type_name("N")
      ->check(CLI::Range(1, 255));
  explain->add_option("--bytes", options->bytes, "of the IP packet; default: as few as can be")
      ->type_name("N")
      ->check(CLI::Range(28, 65'535));
  explain->add_flag("--may-fragment", options->may_fragment,
                    "the packet may be cut; default: it says that it may not");
  explain->footer(
      "A made-up frame goes the true way over the true tables, and is thrown away where a port\n"
      "would get it: nothing is sent, counted or changed. The exit status is 1 if it would be\n"
      "dropped.\n\n"
      "Examples:\n"
      "  podwarpctl explain --from default/web-1 --to 10.244.2.10\n"
      "  podwarpctl explain --from default/web-1 --to default/cart:80\n"
      "  podwarpctl explain --from host --to 10.96.0.10:53/udp\n"
      "  podwarpctl explain --from uplink0 --source 192.0.2.9 --to 203.0.113.80:443 --ttl 2");
  explain->callback(
      [=] { *chosen = [=](Context* context) { return Explain(*options, context); }; });
}

}  // namespace podwarp::ctl
