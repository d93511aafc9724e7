#include "kubernetes/cancellation.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace podwarp {

void Cancellation::Cancel() {
  const std::lock_guard lock(mutex_);
  is_cancelled_ = true;
  for (const int held : held_) shutdown(held, SHUT_RDWR);
  changed_.notify_all();
}

bool Cancellation::is_cancelled() const {
  const std::lock_guard lock(mutex_);
  return is_cancelled_;
}

bool Cancellation::Sleep(absl::Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, absl::ToChronoNanoseconds(duration),
                            [this] { return is_cancelled_; });
}

int Cancellation::Hold(int socket) {
  const std::lock_guard lock(mutex_);
  // Of one that isn't connected yet, Linux remembers it: nothing will be read or written.
  if (is_cancelled_) shutdown(socket, SHUT_RDWR);
  const int held = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (held >= 0) held_.push_back(held);
  return held;
}

void Cancellation::Release(int held) {
  const std::lock_guard lock(mutex_);
  if (std::erase(held_, held) > 0) close(held);
}

}  // namespace podwarp
