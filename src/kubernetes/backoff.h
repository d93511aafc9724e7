// How long to wait before a server is asked again.
#pragma once

#include "absl/time/time.h"

namespace podwarp {

// Waits double from the least to the most. Each is shortened by up to half of it, by chance, so
// that thousands of nodes that lost the same server don't come back to it in one moment. One
// thread.
class Backoff {
 public:
  explicit Backoff(absl::Duration least = absl::Milliseconds(500),
                   absl::Duration most = absl::Seconds(30))
      : least_(least), most_(most), next_(least) {}

  // The next wait. `chance` is from 0 up to 1, without 1.
  absl::Duration Next(double chance);
  // What was asked for went well, and for long enough to mean something.
  void Reset() { next_ = least_; }

 private:
  const absl::Duration least_;
  const absl::Duration most_;
  absl::Duration next_;
};

}  // namespace podwarp
