// What the checks found out.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace podwarp::ctl {

enum class Level : uint8_t {
  kOk,
  kWarning,  // podwarp works, but slower than it could, or not for everything
  kProblem,  // podwarp, or one of its ports, doesn't work
};

struct Finding {
  std::string check;  // "hugepages"
  Level level = Level::kOk;
  std::string sentence;  // says what to do, if it isn't ok

  friend bool operator==(const Finding&, const Finding&) = default;
};

class Findings {
 public:
  // Whose findings follow.
  void Begin(std::string check) { check_ = std::move(check); }
  void Ok(std::string sentence) { Add(Level::kOk, std::move(sentence)); }
  void Warn(std::string sentence) { Add(Level::kWarning, std::move(sentence)); }
  void Problem(std::string sentence) { Add(Level::kProblem, std::move(sentence)); }

  const std::vector<Finding>& all() const { return all_; }
  size_t Count(Level level) const {
    return static_cast<size_t>(std::count_if(
        all_.begin(), all_.end(), [=](const Finding& finding) { return finding.level == level; }));
  }

 private:
  void Add(Level level, std::string sentence) {
    all_.push_back({.check = check_, .level = level, .sentence = std::move(sentence)});
  }

  std::string check_;
  std::vector<Finding> all_;
};

inline const char* ToString(Level level) {
  static constexpr const char* kNames[] = {"ok", "warning", "problem"};
  return kNames[static_cast<size_t>(level)];
}

}  // namespace podwarp::ctl
