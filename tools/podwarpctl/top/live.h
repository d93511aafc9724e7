// `top` on a terminal: looks at the node each interval, and does what keys say.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "top/rates.h"
#include "top/state.h"
#include "top/terminal.h"

namespace podwarp::ctl {

class Live {
 public:
  // `first` is a look at the node that was just taken, for that view.
  Live(ApiClient* client, Terminal* terminal, double interval_seconds, View view, Sample first);

  // Until the user quits.
  void Run();

 private:
  // Rates of the time since the last look.
  void Look();
  // Rates begin anew: there was a while without a look, or not with what the view needs.
  void Begin();
  void Set(absl::StatusOr<Sample> now);
  double SecondsLeft() const;
  void Draw();

  ApiClient* const client_;
  Terminal* const terminal_;
  const double interval_seconds_;
  ScreenState state_;
  std::optional<Sample> before_;  // none after an error
  double looked_at_;              // also in vain
  Rates rates_;
  std::string error_;  // why there are no rates
};

}  // namespace podwarp::ctl
