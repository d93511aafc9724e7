// The two event descriptors of a ring: the driver kicks the device, the device calls the driver.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "support/virtio/file_descriptor.h"

namespace podwarp::test {

class Notifier {
 public:
  static absl::StatusOr<Notifier> Create();

  void Kick();
  uint64_t kicks() const { return kicks_; }

  // How often the device has called so far.
  uint64_t TakeCalls();
  // True as soon as it has called since the last TakeCalls().
  bool WaitForCall(absl::Duration timeout) const;

  int kick_fd() const { return kick_.get(); }
  int call_fd() const { return call_.get(); }

 private:
  Notifier(FileDescriptor kick, FileDescriptor call)
      : kick_(std::move(kick)), call_(std::move(call)) {}

  FileDescriptor kick_;
  FileDescriptor call_;
  uint64_t kicks_ = 0;
  uint64_t calls_ = 0;
};

}  // namespace podwarp::test
