// Which frames a trace is to show, and how many, as the API's parameters say it.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/backend.h"
#include "observe/watch.h"
#include "podwarp/dataplane/trace.h"

namespace podwarp {

struct TraceQuery {
  WatchRequest watch;
  TraceFilter filter;
  uint64_t count = 20;                                // 0: no end
  absl::Duration seconds = absl::InfiniteDuration();  // how long it goes on
};

// pod, ip, port, drop (a reason's name, or "any"), count, seconds. Errors: InvalidArgument that
// names the parameter; NotFound (there is no such drop reason).
absl::StatusOr<TraceQuery> ParseTraceQuery(const ApiParameters& parameters);

}  // namespace podwarp
