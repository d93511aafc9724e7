// A number with one writer: adding is a plain load and store, not a locked instruction. Any thread
// may read it at any time and sees it whole.
#pragma once

#include <atomic>
#include <cstdint>

namespace podwarp {

class Counter {
 public:
  void Add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace podwarp
