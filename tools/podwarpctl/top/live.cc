#include "top/live.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "text/fields.h"
#include "text/table.h"
#include "top/screen.h"

namespace podwarp::ctl {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Live::Live(ApiClient* client, Terminal* terminal, double interval_seconds, View view, Sample first)
    : client_(client), terminal_(terminal), interval_seconds_(interval_seconds) {
  state_.view = view;
  Set(std::move(first));
}

void Live::Run() {
  while (true) {
    if (!state_.is_frozen && SecondsLeft() <= 0) Look();
    Draw();
    const bool was_frozen = state_.is_frozen;
    // A key, or a new size, doesn't make the time shorter that rates are of.
    const std::optional<int> key =
        terminal_->WaitForKey(was_frozen ? interval_seconds_ : SecondsLeft());
    if (!key.has_value()) continue;
    if (!Press(*key, &state_)) return;
    if (state_.is_frozen) continue;
    const bool lacks = before_.has_value() && !Covers(*before_, NeedsOf(state_.view));
    if (was_frozen || lacks) Begin();
  }
}

void Live::Look() { Set(TakeSample(NeedsOf(state_.view), client_)); }

void Live::Begin() {
  before_.reset();
  Look();
}

void Live::Set(absl::StatusOr<Sample> now) {
  looked_at_ = Now();
  if (!now.ok()) {
    // It may be back soon: a restart takes seconds.
    error_ = Printable(std::string(now.status().message()));
    before_.reset();
    return;
  }
  error_.clear();
  // One that was started anew counts from 0 on.
  const bool is_same = before_.has_value() && Covers(*before_, NeedsOf(state_.view)) &&
                       Text(before_->status, "pid") == Text(now->status, "pid");
  rates_ = RatesBetween(is_same ? *before_ : *now, *now);
  before_ = *std::move(now);
}

double Live::SecondsLeft() const { return std::max(0.0, looked_at_ + interval_seconds_ - Now()); }

void Live::Draw() {
  const ScreenSize size = terminal_->size();
  if (error_.empty()) {
    terminal_->Draw(ScreenOf(rates_, size, &state_));
  } else {
    terminal_->Draw({Clip(error_, size.width), "", "asking again; q quits"});
  }
}

}  // namespace podwarp::ctl
