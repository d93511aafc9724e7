#include "capture/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace podwarp::ctl {

CaptureOutput::~CaptureOutput() {
  if (fd_ >= 0 && !is_stdout()) close(fd_);
}

absl::Status CaptureOutput::Check() const {
  if (!is_stdout() || isatty(STDOUT_FILENO) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a capture is nothing for a terminal: give -w FILE, or let another read it, as "
      "`podwarpctl capture | tcpdump -r -`");
}

absl::Status CaptureOutput::Open() {
  if (fd_ >= 0) return absl::OkStatus();
  fd_ = is_stdout() ? STDOUT_FILENO
                    : open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ >= 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path_, ": ", std::strerror(errno)));
}

absl::Status CaptureOutput::Write(std::string_view bytes) {
  if (absl::Status status = Open(); !status.ok()) return status;
  while (!bytes.empty()) {
    const ssize_t count = write(fd_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EPIPE) {
      return absl::CancelledError();
    } else if (errno != EINTR) {
      return absl::FailedPreconditionError(
          absl::StrCat(is_stdout() ? "the output" : path_, ": ", std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

}  // namespace podwarp::ctl
