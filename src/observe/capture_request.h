// Which frames a capture is to have, and for how long, as the API's parameters say it.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/backend.h"
#include "observe/watch.h"

namespace podwarp {

struct CaptureRequest {
  WatchRequest watch;
  CaptureFilter filter;
  uint64_t count = 0;  // of frames; 0: all that come
  absl::Duration seconds = absl::InfiniteDuration();
};

// pod, port, worker (an lcore), drops, filter, snap_bytes, count, seconds. `workers`: how many
// there are. Errors: InvalidArgument that names the parameter.
absl::StatusOr<CaptureRequest> ParseCaptureRequest(const ApiParameters& parameters,
                                                   uint16_t workers);

}  // namespace podwarp
