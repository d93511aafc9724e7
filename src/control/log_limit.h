// Keeps others from filling the log: a guest whose driver comes and goes, a host that claims
// somebody's address all day, a client of the API.
//
// A line about a subject ("port default/web-1 is up") is written at once; then one in each pause,
// which tells how many were left out. More subjects than there is room for share one place, so that
// inventing names gets nobody more lines.
//
//   if (const auto left_out = limit.Take(subject, now)) LOG(WARNING) << subject <<
//   LeftOut(*left_out);
//
// Thread rule: any thread. Source: a token bucket for each subject (GCRA, ITU-T I.371).
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace podwarp {

class LogLimit {
 public:
  struct Settings {
    absl::Duration pause = absl::Minutes(1);
    uint32_t burst = 1;  // lines about a subject that was quiet, before the pauses begin
    size_t subjects = 8192;
  };

  LogLimit() : LogLimit(Settings()) {}
  explicit LogLimit(const Settings& settings) : settings_(settings) {}

  // How many lines about `subject` were left out since its last one, if one may be written now.
  // None: this one is left out. What was left out before `subject` was quiet for a pause may be
  // forgotten. `now` is of any clock that goes forward, always the same.
  std::optional<uint64_t> Take(const std::string& subject, absl::Time now);

 private:
  struct Subject {
    absl::Time full_at = absl::InfinitePast();  // when its whole burst is there again
    uint64_t left_out = 0;
  };

  Subject& Find(const std::string& subject, absl::Time now);

  const Settings settings_;
  std::mutex mutex_;
  absl::flat_hash_map<std::string, Subject> subjects_;
  Subject others_;  // that found no room
  absl::Time next_sweep_ = absl::InfinitePast();
};

// " (12 more such lines left out)"; nothing if there are none.
std::string LeftOut(uint64_t lines);

}  // namespace podwarp
