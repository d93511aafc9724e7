#include "control/log_limit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp {

std::optional<uint64_t> LogLimit::Take(const std::string& subject, absl::Time now) {
  const std::lock_guard lock(mutex_);
  Subject& found = Find(subject, now);
  if (found.full_at > now + settings_.pause * (settings_.burst - 1)) {
    ++found.left_out;
    return std::nullopt;
  }
  found.full_at = std::max(found.full_at, now) + settings_.pause;
  return std::exchange(found.left_out, 0);
}

LogLimit::Subject& LogLimit::Find(const std::string& subject, absl::Time now) {
  const auto found = subjects_.find(subject);
  if (found != subjects_.end()) return found->second;
  if (subjects_.size() >= settings_.subjects && now >= next_sweep_) {
    absl::erase_if(subjects_, [now](const auto& entry) { return entry.second.full_at <= now; });
    next_sweep_ = subjects_.empty() ? absl::InfinitePast() : absl::InfiniteFuture();
    for (const auto& [name, its] : subjects_) next_sweep_ = std::min(next_sweep_, its.full_at);
  }
  return subjects_.size() < settings_.subjects ? subjects_[subject] : others_;
}

std::string LeftOut(uint64_t lines) {
  if (lines == 0) return "";
  return absl::StrCat(" (", lines, " more such ", lines == 1 ? "line" : "lines", " left out)");
}

}  // namespace podwarp
