// A clock that stands still until a test moves it.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace podwarp::test {

struct FakeClock {
  static constexpr uint64_t kHz = 1'000'000'000;  // one cycle is one nanosecond

  uint64_t now = 0;  // as rte_rdtsc() would say

  void Advance(absl::Duration duration) {
    now += static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
  }
  absl::Time time() const { return absl::UnixEpoch() + absl::Nanoseconds(now); }
};

}  // namespace podwarp::test
