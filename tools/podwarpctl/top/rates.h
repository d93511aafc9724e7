// What happened between two reads of podwarp's counters, a second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "top/sample.h"

namespace podwarp::ctl {

// Frames and bits a second.
struct TrafficRate {
  double received_frames = 0;
  double received_bits = 0;
  double transmitted_frames = 0;
  double transmitted_bits = 0;
  double dropped_frames = 0;
};

// Microseconds from receiving a frame to sending it, since podwarp's start.
struct Latency {
  double p50_us = 0;
  double p99_us = 0;
};

struct WorkerRate {
  uint64_t lcore = 0;
  uint64_t queues = 0;
  double busy_percent = 0;      // of this time
  double cycles_per_frame = 0;  // of busy rounds; 0 without frames
  double frames_per_burst = 0;  // the same
  double sleeps = 0;
  TrafficRate traffic;             // without bits
  std::optional<Latency> latency;  // if there are samples
};

struct PortRate {
  std::string name;
  std::string role;
  std::string state;  // "up", or "down: why"
  TrafficRate traffic;
  double lost_frames = 0;      // by the device itself
  std::string mostly_dropped;  // the reason that drops most now; empty if none does, or is told
};

struct PodRate {
  std::string name;
  std::string state;
  TrafficRate traffic;
  std::string mostly_dropped;
};

struct DropRate {
  std::string reason;
  double frames = 0;
  uint64_t total = 0;  // since podwarp's start
  std::string last_ports;
  std::string last_pods;
  std::string help;
};

struct Rates {
  Json status;
  double seconds = 0;   // 0: there is only one look, and no rate is known
  TrafficRate traffic;  // of all ports; without bits if they weren't read
  std::vector<WorkerRate> workers;
  std::vector<DropRate> drops;  // those with most frames first; only reasons with frames
  // The same; unset if they weren't read.
  std::optional<std::vector<PortRate>> ports;
  std::optional<std::vector<PodRate>> pods;
};
// What is new has no rates yet, and neither has a counter that has begun anew.
Rates RatesBetween(const Sample& before, const Sample& now);

// For programs: numbers in full, a second.
Json ToJson(const Rates& rates);

}  // namespace podwarp::ctl
