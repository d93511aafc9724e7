#include "kubernetes/backoff.h"

#include <algorithm>

namespace podwarp {

absl::Duration Backoff::Next(double chance) {
  const absl::Duration longest = next_;
  next_ = std::min(most_, 2 * next_);
  return longest - longest / 2 * chance;
}

}  // namespace podwarp
