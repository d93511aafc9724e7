// Waiting for what another thread does.
#pragma once

#include <chrono>
#include <thread>

namespace podwarp::test {

// True as soon as `condition()` is; false if it isn't within a time that no machine needs.
template <typename Condition>
bool Eventually(const Condition& condition, std::chrono::seconds limit = std::chrono::seconds(30)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

}  // namespace podwarp::test
