// So many a second, and no more: a bucket that fills evenly and holds a second's worth.
//
// Thread rule: any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>

namespace podwarp {

class RateLimit {
 public:
  explicit RateLimit(double per_second) : per_second_(per_second), left_(per_second) {}

  // False if there is none left.
  bool Take() {
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    const double passed = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    left_ = std::min(per_second_, left_ + passed * per_second_);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;

  const double per_second_;
  std::mutex mutex_;
  double left_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace podwarp
