// One read of podwarp's counters.
#pragma once

#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "top/view.h"

namespace podwarp::ctl {

struct Sample {
  double at_seconds = 0;  // by a clock that only goes forward
  Json status;
  // Arrays of items; null if they weren't asked for.
  Json workers;
  Json ports;
  Json drops;
  Json pods;     // each its status, with its name
  Json latency;  // null too if this podwarp doesn't tell it
};
// Errors: those of ApiClient::Get().
absl::StatusOr<Sample> TakeSample(const Needs& needs, ApiClient* client);

// Whether it has all that was needed and could be had.
bool Covers(const Sample& sample, const Needs& needs);

}  // namespace podwarp::ctl
