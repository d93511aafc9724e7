// Where a capture is written to: a file, or whoever reads stdout.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace podwarp::ctl {

class CaptureOutput {
 public:
  // "-" is stdout. The file is made with the first that is written, and by nothing else.
  explicit CaptureOutput(std::string path) : path_(std::move(path)) {}
  ~CaptureOutput();
  CaptureOutput(const CaptureOutput&) = delete;
  CaptureOutput& operator=(const CaptureOutput&) = delete;

  // Errors: InvalidArgument (stdout is a terminal, on which a capture is of no use).
  absl::Status Check() const;
  // At once and whole. Errors: FailedPrecondition; Cancelled if nobody reads it any more.
  absl::Status Write(std::string_view bytes);

 private:
  bool is_stdout() const { return path_ == "-"; }
  absl::Status Open();

  const std::string path_;
  int fd_ = -1;
};

}  // namespace podwarp::ctl
