// The events of a watch, out of bytes that come in pieces of any size.
//
// Source: Kubernetes API concepts, "Efficient detection of changes": one JSON object a line,
// {"type": ..., "object": ...}.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace podwarp {

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };

  Type type;
  // Of a bookmark a stub that has a revision; of an error a Status.
  nlohmann::json object;
};

// Holds no more than one line, and of that no more than `longest_line` bytes. One thread.
class WatchStream {
 public:
  // Much above what etcd takes for one object (1.5 MiB, unless told otherwise).
  static constexpr size_t kLongestLine = 8 << 20;

  // `on_event` may end the stream with an error; Feed() returns it.
  explicit WatchStream(std::function<absl::Status(const WatchEvent&)> on_event,
                       size_t longest_line = kLongestLine)
      : on_event_(std::move(on_event)), longest_line_(longest_line) {}

  // kDataLoss if a line isn't an event, or is too long. After an error nothing more may be fed.
  absl::Status Feed(std::string_view bytes);
  // A stream that ends in the middle of a line was cut off.
  bool is_within_line() const { return !line_.empty(); }

 private:
  absl::Status TakeLine(std::string_view line);

  const std::function<absl::Status(const WatchEvent&)> on_event_;
  const size_t longest_line_;
  std::string line_;  // what has come of a line that isn't whole yet
};

}  // namespace podwarp
