// top
#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "commands/command.h"
#include "top/rates.h"
#include "top/screen.h"
#include "top/terminal.h"

namespace podwarp::ctl {
namespace {

struct TopOptions {
  bool once = false;
  double interval_seconds = 1;
};

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

absl::Status PrintOnce(const TopOptions& options, Sample before, Context* context) {
  Sleep(options.interval_seconds);
  const absl::StatusOr<Sample> now = TakeSample(context->client);
  if (!now.ok()) return now.status();
  const Rates rates = RatesBetween(before, *now);
  if (context->json) {
    PrintJson(ToJson(rates), context);
    return absl::OkStatus();
  }
  for (const std::string& line : ScreenOf(rates, ScreenSize())) *context->out << line << '\n';
  return absl::OkStatus();
}

// Rates for programs, a line each time, until nobody reads them.
absl::Status PrintEach(const TopOptions& options, Sample before, Context* context) {
  while (true) {
    Sleep(options.interval_seconds);
    absl::StatusOr<Sample> now = TakeSample(context->client);
    if (!now.ok()) return now.status();
    *context->out << ToText(ToJson(RatesBetween(before, *now))) << '\n';
    if (context->out->flush().fail()) return absl::OkStatus();
    before = *std::move(now);
  }
}

absl::Status Show(const TopOptions& options, Sample before, Context* context) {
  absl::StatusOr<std::unique_ptr<Terminal>> terminal = Terminal::Open();
  if (!terminal.ok()) return terminal.status();
  (*terminal)->Draw({"podwarp ..."});
  double drawn_at = before.at_seconds;
  while (true) {
    // A key, or a new size, doesn't make the time shorter that rates are of.
    const auto now_time = std::chrono::steady_clock::now().time_since_epoch();
    const double passed = std::chrono::duration<double>(now_time).count() - drawn_at;
    if (passed < options.interval_seconds) {
      const std::optional<char> key = (*terminal)->WaitForKey(options.interval_seconds - passed);
      if (key == 'q' || key == 'Q') return absl::OkStatus();
      continue;
    }
    drawn_at += passed;
    absl::StatusOr<Sample> now = TakeSample(context->client);
    if (!now.ok()) {
      // It may be back soon: a restart takes seconds.
      (*terminal)->Draw({std::string(now.status().message()), "", "asking again; q quits"});
      continue;
    }
    const ScreenSize size = (*terminal)->size();
    (*terminal)->Draw(ScreenOf(RatesBetween(before, *now), size));
    before = *std::move(now);
  }
}

}  // namespace

void AddTopCommand(CLI::App* app, Action* chosen) {
  CLI::App* const top =
      app->add_subcommand("top", "Workers, ports and drops, with what they do each second");
  const auto options = std::make_shared<TopOptions>();
  top->add_flag("--once", options->once, "one screen of 80x24 after one interval, and end");
  top->add_option("--interval", options->interval_seconds, "between two looks")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 3600.0));
  top->footer(
      "q quits. RX is what podwarp receives, TX what it sends, both in frames; DROPS are "
      "podwarp's,\n"
      "LOST are the device's. Ports with most frames come first. As json, without --once, there "
      "is\n"
      "a line each interval.\n\n"
      "Examples:\n"
      "  podwarpctl top\n"
      "  podwarpctl top --once --interval 5\n"
      "  podwarpctl top -o json | jq .per_second");
  top->callback([=] {
    *chosen = [=](Context* context) -> absl::Status {
      absl::StatusOr<Sample> first = TakeSample(context->client);
      if (!first.ok()) return first.status();
      if (options->once) return PrintOnce(*options, *std::move(first), context);
      if (context->json) return PrintEach(*options, *std::move(first), context);
      return Show(*options, *std::move(first), context);
    };
  });
}

}  // namespace podwarp::ctl
