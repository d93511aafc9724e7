// The time-stamp counter, and what it counts in a second.
#pragma once

#include <x86intrin.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace podwarp::test {

inline uint64_t Ticks() { return __rdtsc(); }

// Measured once, against the steady clock.
inline double TicksPerSecond() {
  static const double rate = [] {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    const uint64_t ticks = Ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const uint64_t elapsed = Ticks() - ticks;
    return static_cast<double>(elapsed) /
           std::chrono::duration<double>(Clock::now() - start).count();
  }();
  return rate;
}

inline uint64_t TicksOf(double seconds) {
  return static_cast<uint64_t>(seconds * TicksPerSecond());
}

}  // namespace podwarp::test
