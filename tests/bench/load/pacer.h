// When frames are due, at a rate that doesn't depend on whether anybody takes them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "load/ticks.h"

namespace podwarp::test {

class Pacer {
 public:
  // A rate of 0 is "as fast as it goes": a burst is always due.
  Pacer(double frames_per_second, uint32_t burst)
      : per_tick_(frames_per_second / TicksPerSecond()), burst_(burst), start_(Ticks()) {}

  // How many frames are due now: none until a burst is, then no more than one burst at once.
  uint32_t Due() {
    if (per_tick_ == 0) {
      offered_ += burst_;
      return burst_;
    }
    const auto due = static_cast<uint64_t>(static_cast<double>(Ticks() - start_) * per_tick_);
    if (due < offered_ + burst_) return 0;
    offered_ += burst_;
    most_late_ = std::max(most_late_, due - offered_);
    return burst_;
  }

  uint64_t offered() const { return offered_; }
  // The most frames that were ever overdue: if that is more than a few bursts, or grows with time,
  // the generator didn't keep the rate.
  uint64_t most_late() const { return most_late_; }

 private:
  const double per_tick_;
  const uint32_t burst_;
  const uint64_t start_;
  uint64_t offered_ = 0;
  uint64_t most_late_ = 0;
};

}  // namespace podwarp::test
