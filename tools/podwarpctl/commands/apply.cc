// apply
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "commands/command.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

// Which lines failed, and why.
absl::Status Failures(const Json& result, const std::string& name) {
  const uint64_t failed = Number(result, "failed");
  if (failed == 0) return absl::OkStatus();
  std::string sentences = absl::StrCat(Count(failed, "line"), " of ", name, " failed:");
  const Json& errors = Field(result, "errors");
  for (const Json& error : errors) {
    const std::string object = Text(error, "object");
    absl::StrAppend(&sentences, "\n", name, ":", Text(error, "line"), ": ", object,
                    object.empty() ? "" : ": ", Text(error, "message"));
  }
  if (errors.size() < failed) {
    absl::StrAppend(&sentences, "\nand ", Count(failed - errors.size(), "other"));
  }
  return absl::FailedPreconditionError(sentences);
}

absl::Status Apply(const std::string& file, Context* context) {
  std::ifstream opened;
  std::istream* lines = &std::cin;
  const std::string name = file == "-" ? "the standard input" : file;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    opened.peek();  // of a folder, opening succeeds
    if (!opened.is_open() || opened.bad()) {
      return absl::InvalidArgumentError(absl::StrCat(file, " can't be read"));
    }
    opened.clear();
    lines = &opened;
  }
  const absl::StatusOr<Json> result = context->client->PostLines("/v1/bulk", lines, name);
  if (!result.ok()) return result.status();
  if (context->json) {
    PrintJson(*result, context);
  } else {
    *context->out << Count(Number(*result, "applied"), "change") << " applied\n";
  }
  return Failures(*result, file == "-" ? "-" : file);
}

}  // namespace

void AddApplyCommand(CLI::App* app, Action* chosen) {
  CLI::App* const apply = app->add_subcommand("apply", "Makes many changes, a line of JSON each");
  const auto file = std::make_shared<std::string>();
  apply->add_option("file", *file, "the file; - is the standard input")
      ->required()
      ->type_name("FILE|-");
  apply->footer(
      "Each line stands alone: if one fails, the others are still applied. At most 256 MiB.\n\n"
      "  {\"op\":\"put\",\"kind\":\"route\",\"object\":{\"prefix\":\"10.1.2.3/32\","
      "\"node\":\"node-b\"}}\n"
      "  {\"op\":\"delete\",\"kind\":\"pod\",\"key\":\"default/web-1\"}\n\n"
      "Kinds are pod, node, route and service; objects have the keys of the configuration file.\n\n"
      "Examples:\n"
      "  podwarpctl apply changes.jsonl\n"
      "  podwarpctl routes -o json | jq -c '.[] | {op: \"delete\", kind: \"route\", key}' |\n"
      "      podwarpctl apply -");
  apply->callback([=] { *chosen = [=](Context* context) { return Apply(*file, context); }; });
}

}  // namespace podwarp::ctl
