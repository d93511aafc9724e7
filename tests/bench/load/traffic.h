// Frames from one guest to another, counted exactly, and ARP requests of a third beside them.
#pragma once

#include <cstdint>
#include <string>

#include "load/guest.h"

namespace podwarp::test {

struct TrafficSettings {
  GuestSettings guest;
  double seconds = 3;
  uint32_t burst = 64;
  double settle_seconds = 0.1;  // until what is on its way counts as lost

  std::string sender;  // sockets: any of the three may be missing
  Endpoints endpoints;
  uint32_t frame_bytes = 64;
  uint32_t flows = 256;
  double frames_per_second = 0;  // 0 = as fast as it goes

  std::string receiver;

  std::string arp;
  Endpoints arp_endpoints;
  double arp_requests_per_second = 0;
};

// One line of JSON. Every count is of the time after the first second; sent = lost + received.
std::string MeasureTraffic(const TrafficSettings& settings);

}  // namespace podwarp::test
