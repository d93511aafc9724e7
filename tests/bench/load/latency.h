// How long a frame takes from one guest to another: each carries the time it was sent.
#pragma once

#include <string>

#include "load/guest.h"

namespace podwarp::test {

struct LatencySettings {
  GuestSettings guest;
  double seconds = 3;
  std::string sender;  // sockets
  std::string receiver;
  Endpoints endpoints;
  uint32_t frame_bytes = 64;  // at least 58: two numbers behind the headers
  // One of the two: so many frames a second, in bursts; or a single frame after each gap, so that
  // the one that is measured meets whoever has had nothing to do for so long.
  double frames_per_second = 0;
  uint32_t burst = 1;
  double gap_seconds = 0;
};

// One line of JSON: from the sender's writing the frame to the receiver's finding it in its ring.
std::string MeasureLatency(const LatencySettings& settings);

}  // namespace podwarp::test
