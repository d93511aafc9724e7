// top
#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "commands/command.h"
#include "top/live.h"
#include "top/screen.h"

namespace podwarp::ctl {
namespace {

struct TopOptions {
  bool once = false;
  uint64_t count = 0;  // 0: without end
  double interval_seconds = 1;
  std::string view{NameOf(View::kOverview)};
};

// As text or as json, until all are printed or nobody reads them.
absl::Status PrintEach(const TopOptions& options, View view, Sample before, Context* context) {
  std::ostream& out = *context->out;
  for (uint64_t printed = 0; options.count == 0 || printed < options.count; ++printed) {
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_seconds));
    absl::StatusOr<Sample> now = TakeSample(NeedsOf(view), context->client);
    if (!now.ok()) return now.status();
    const Rates rates = RatesBetween(before, *now);
    if (!context->json) {
      if (printed > 0) out << '\n';
      for (const std::string& line : TextOf(rates, view)) out << line << '\n';
    } else if (options.once) {
      PrintJson(ToJson(rates), context);
    } else {
      out << ToText(ToJson(rates)) << '\n';
    }
    if (out.flush().fail()) return absl::OkStatus();
    before = *std::move(now);
  }
  return absl::OkStatus();
}

absl::Status RunTop(const TopOptions& options, Context* context) {
  const View view = FindView(options.view).value_or(View::kOverview);
  absl::StatusOr<Sample> first = TakeSample(NeedsOf(view), context->client);
  if (!first.ok()) return first.status();
  if (context->json || options.count > 0) {
    return PrintEach(options, view, *std::move(first), context);
  }
  const absl::StatusOr<std::unique_ptr<Terminal>> terminal = Terminal::Open();
  if (!terminal.ok()) return terminal.status();
  Live(context->client, terminal->get(), options.interval_seconds, view, *std::move(first)).Run();
  return absl::OkStatus();
}

}  // namespace

void AddTopCommand(CLI::App* app, Action* chosen) {
  CLI::App* const top =
      app->add_subcommand("top", "Workers, ports, pods and drops, with what they do each second");
  const auto options = std::make_shared<TopOptions>();
  CLI::Option* const once =
      top->add_flag("--once", options->once, "one screen as text after one interval, and end");
  top->add_option("-n,--count", options->count, "so many screens as text, and end")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{UINT32_MAX}))
      ->excludes(once);
  top->add_option("--interval", options->interval_seconds, "between two looks")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 3600.0));
  top->add_option("--view", options->view, "what to begin with")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember(ViewNames()));
  top->footer(
      "Views: overview, ports, pods, workers, drops; keys switch between them and sort, ? shows\n"
      "all keys, and q quits. RX is what podwarp receives, TX what it sends, both in frames; "
      "DROPS\n"
      "are podwarp's, LOST are the device's. As text, the overview is one screen of 80x24, and "
      "the\n"
      "others are whole. As json, without --once, there is a line each interval.\n\n"
      "Examples:\n"
      "  podwarpctl top\n"
      "  podwarpctl top --view pods --once --interval 5\n"
      "  podwarpctl top -o json | jq .per_second");
  top->callback([=] {
    *chosen = [=](Context* context) {
      if (options->once) options->count = 1;
      return RunTop(*options, context);
    };
  });
}

}  // namespace podwarp::ctl
