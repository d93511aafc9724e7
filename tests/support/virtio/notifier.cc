#include "support/virtio/notifier.h"

#include <glog/logging.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>

namespace podwarp::test {

absl::StatusOr<Notifier> Notifier::Create() {
  FileDescriptor kick(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  FileDescriptor call(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!kick || !call) return absl::ErrnoToStatus(errno, "eventfd");
  return Notifier(std::move(kick), std::move(call));
}

void Notifier::Kick() {
  PCHECK(eventfd_write(kick_.get(), 1) == 0);
  ++kicks_;
}

uint64_t Notifier::TakeCalls() {
  eventfd_t calls = 0;
  if (eventfd_read(call_.get(), &calls) == 0) calls_ += calls;
  return calls_;
}

bool Notifier::WaitForCall(absl::Duration timeout) const {
  pollfd entry{.fd = call_.get(), .events = POLLIN, .revents = 0};
  return poll(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) == 1;
}

}  // namespace podwarp::test
