// trace
#include "text/trace.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "client/follow.h"
#include "commands/command.h"
#include "commands/names.h"
#include "text/fields.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

struct TraceOptions {
  std::string pod;
  std::string ip;
  std::string port;
  std::string drop;
  uint64_t count = 20;
  double seconds = 0;  // 0: no end
};

std::string PathOf(const TraceOptions& options) {
  std::string path = absl::StrCat("/v1/trace?count=", options.count);
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&path, "&", name, "=", InPath(value));
  };
  add("pod", options.pod.empty() ? "" : FullName(options.pod));
  add("ip", options.ip);
  add("port", options.port);
  add("drop", options.drop);
  if (options.seconds > 0) absl::StrAppend(&path, "&seconds=", options.seconds);
  return path;
}

// The stream's lines, shown as they become whole.
class Printer {
 public:
  explicit Printer(Context* context) : context_(*context) {}

  // False if nobody reads on.
  bool Take(std::string_view part) {
    line_.append(part);
    size_t begin = 0;
    for (size_t end; (end = line_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      Print(line_.substr(begin, end - begin));
    }
    line_.erase(0, begin);
    return !context_.out->flush().fail();
  }
  void TellEnd(const TraceOptions& options) const {
    if (traces_ == 0 && options.seconds > 0) {
      *context_.err << "podwarpctl: note: no such frame came within " << options.seconds << " s\n";
    }
    if (lost_ > 0) {
      *context_.err << "podwarpctl: note: " << Count(lost_, "more frame")
                    << " came faster than they could be shown\n";
    }
  }

 private:
  void Print(const std::string& line) {
    const Json trace = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (IsCount(Field(trace, "lost"))) {
      lost_ = Number(trace, "lost");
      if (!context_.json) return;
    } else {
      ++traces_;
    }
    if (context_.json) {
      *context_.out << line << '\n';
    } else {
      PrintTrace(trace, context_.out);
    }
  }

  Context& context_;
  std::string line_;  // as far as it has come
  uint64_t traces_ = 0;
  uint64_t lost_ = 0;
};

absl::Status Trace(const TraceOptions& options, Context* context) {
  Printer printer(context);
  const absl::Status status = Follow(context->client, PathOf(options), STDOUT_FILENO,
                                     [&](std::string_view part) { return printer.Take(part); });
  if (status.ok()) printer.TellEnd(options);
  return status;
}

}  // namespace

void AddTraceCommand(CLI::App* app, Action* chosen) {
  CLI::App* const trace =
      app->add_subcommand("trace", "What each stage does with frames, live and in words");
  const auto options = std::make_shared<TraceOptions>();
  trace->add_option("--pod", options->pod, "from this pod of this node, or to it")
      ->type_name("[NAMESPACE/]NAME");
  trace->add_option("--ip", options->ip, "with this source or destination")->type_name("IP");
  trace->add_option("--port", options->port, "that came in by this port, `podwarpctl ports`")
      ->type_name("NAME");
  trace
      ->add_option("--drop", options->drop,
                   "that were dropped for this reason, `podwarpctl drops --all`; any: for whatever")
      ->type_name("REASON|any");
  trace->add_option("-c,--count", options->count, "end after so many; 0: don't")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{0}, uint64_t{UINT32_MAX}))
      ->capture_default_str();
  trace->add_option("--seconds", options->seconds, "end after so long")
      ->type_name("S")
      ->check(CLI::PositiveNumber);
  trace->footer(
      "Frames that are all of what is asked for are shown, with what podwarp makes in answer to\n"
      "them, which isn't counted. Of many only some are: up to 1,000 a second of each worker.\n"
      "The time at the end of each is since podwarp received it. As json, a line each.\n\n"
      "Examples:\n"
      "  podwarpctl trace --pod web-1\n"
      "  podwarpctl trace --drop any -c 0\n"
      "  podwarpctl trace --ip 10.96.0.80 --drop service_no_backend -c 1\n"
      "  podwarpctl trace --port uplink0 --seconds 10 -o json | jq -r .end");
  trace->callback([=] { *chosen = [=](Context* context) { return Trace(*options, context); }; });
}

}  // namespace podwarp::ctl
