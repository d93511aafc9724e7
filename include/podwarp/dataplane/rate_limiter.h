// At most so many a second, and so many at once: the generic cell rate algorithm (ITU-T I.371,
// annex A), which is a token bucket kept as one point in time.
#pragma once

#include <cstdint>

namespace podwarp {

// What may pass, for any number of limiters. Times in cycles of one clock.
class Rate {
 public:
  // `per_second` 0 lets nothing pass.
  Rate(uint64_t per_second, uint64_t at_once, uint64_t clock_hz)
      : cycles_each_(per_second == 0 ? 0 : clock_hz / per_second),
        tolerance_(at_once == 0 ? 0 : cycles_each_ * (at_once - 1)),
        never_(per_second == 0) {}
  static Rate Unlimited() {
    Rate rate(0, 0, 0);
    rate.never_ = false;
    return rate;
  }

 private:
  friend class RateLimiter;
  uint64_t cycles_each_;
  uint64_t tolerance_;
  bool never_;
};

class RateLimiter {
 public:
  // True if one more may pass at `now`, and counts it. `now` never goes back.
  bool Pass(const Rate& rate, uint64_t now) {
    if (rate.never_) return false;
    const uint64_t due = due_ > now ? due_ : now;
    if (due - now > rate.tolerance_) return false;
    due_ = due + rate.cycles_each_;
    return true;
  }

 private:
  uint64_t due_ = 0;  // when the next may pass, were nothing allowed at once
};

}  // namespace podwarp
