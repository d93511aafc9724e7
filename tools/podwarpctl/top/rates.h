// What happened between two reads of podwarp's counters, a second.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/api_client.h"

namespace podwarp::ctl {

struct Sample {
  double at_seconds = 0;  // by a clock that only goes forward
  Json status;
  Json workers;  // arrays of items
  Json ports;
  Json drops;
};
// Errors: those of ApiClient::Get().
absl::StatusOr<Sample> TakeSample(ApiClient* client);

// Frames and bits a second.
struct TrafficRate {
  double received_frames = 0;
  double received_bits = 0;
  double transmitted_frames = 0;
  double transmitted_bits = 0;
  double dropped_frames = 0;
};

struct WorkerRate {
  uint64_t lcore = 0;
  uint64_t queues = 0;
  double busy_percent = 0;      // of this time
  double cycles_per_frame = 0;  // of busy rounds; 0 without frames
  TrafficRate traffic;          // without bits
};

struct PortRate {
  std::string name;
  std::string role;
  std::string state;  // "up", or "down: why"
  TrafficRate traffic;
  double lost_frames = 0;  // by the device itself
};

struct DropRate {
  std::string reason;
  double frames = 0;
  uint64_t total = 0;  // since podwarp's start
  std::string last_ports;
};

struct Rates {
  Json status;
  double seconds = 0;
  TrafficRate traffic;  // of all ports
  std::vector<WorkerRate> workers;
  std::vector<PortRate> ports;  // those with most frames first
  std::vector<DropRate> drops;  // the same; only reasons with frames
};
// What is new has no rates yet, and neither has a counter that has begun anew.
Rates RatesBetween(const Sample& before, const Sample& now);

// For programs: numbers in full, a second.
Json ToJson(const Rates& rates);

}  // namespace podwarp::ctl
