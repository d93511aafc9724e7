// How podwarpctl ends, and how its functions say so.
//
// Three kinds of failure are told apart, by the code of an absl::Status: InvalidArgument is wrong
// usage, Unavailable is that nobody answers at the socket, and all others are that it didn't work,
// which is mostly the API's word.
#pragma once

#include "absl/status/status.h"

namespace podwarp::ctl {

enum ExitStatus : int {
  kDone = 0,
  kRefused = 1,
  kWrongUsage = 2,
  kNobodyAnswers = 3,
};

inline ExitStatus ExitStatusOf(const absl::Status& status) {
  if (status.ok()) return kDone;
  if (absl::IsInvalidArgument(status)) return kWrongUsage;
  return absl::IsUnavailable(status) ? kNobodyAnswers : kRefused;
}

}  // namespace podwarp::ctl
