// The terminal while a program draws on it. Whatever ends the program, but SIGKILL, leaves the
// terminal as it was.
//
// Thread rule: the main thread; one at a time. Source: termios(3), console_codes(4).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "top/keys.h"
#include "top/overview.h"

namespace podwarp::ctl {

class Terminal {
 public:
  // Errors: InvalidArgument if standard input and output aren't a terminal.
  static absl::StatusOr<std::unique_ptr<Terminal>> Open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  ScreenSize size() const;
  // Replaces what is shown.
  void Draw(const std::vector<std::string>& lines);
  // The next key, as Key; none within that time, or when the window changes its size. 'q' once the
  // terminal is gone.
  std::optional<int> WaitForKey(double seconds);

 private:
  Terminal() = default;

  KeyReader keys_;
};

}  // namespace podwarp::ctl
