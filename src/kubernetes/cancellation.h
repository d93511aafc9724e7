// Ends what a thread waits for at an API server, from another thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/time/time.h"

namespace podwarp {

// Once cancelled, it stays so. Any thread; any number of requests may share it.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void Cancel();
  bool is_cancelled() const;
  // False, and at once, if it is cancelled.
  bool Sleep(absl::Duration duration);

  // A request uses this socket until Release(held): to cancel is to shut it down, which ends
  // connecting, reading and writing. It is held by a descriptor of our own: the request may close
  // its own meanwhile, and then that number may be somebody else's.
  int Hold(int socket);
  void Release(int held);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_cancelled_ = false;
  std::vector<int> held_;
};

}  // namespace podwarp
