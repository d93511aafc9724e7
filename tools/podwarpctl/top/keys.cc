#include "top/keys.h"

namespace podwarp::ctl {
namespace {

constexpr char kEscape = '\033';
// No key has a longer one.
constexpr size_t kLongestSequence = 16;

int KeyOf(std::string_view sequence) {
  static constexpr struct {
    std::string_view sequence;
    Key key;
  } kSequences[] = {
      {"A", kKeyUp},        {"B", kKeyDown}, {"C", kKeyRight}, {"D", kKeyLeft},
      {"5~", kKeyPageUp},   {"H", kKeyHome}, {"1~", kKeyHome}, {"7~", kKeyHome},
      {"6~", kKeyPageDown}, {"F", kKeyEnd},  {"4~", kKeyEnd},  {"8~", kKeyEnd},
  };
  for (const auto& [known, key] : kSequences) {
    if (known == sequence) return key;
  }
  return kKeyOther;
}

bool IsLast(char c) { return c >= 0x40 && c <= 0x7e; }

}  // namespace

std::optional<int> KeyReader::Next() {
  while (!sent_.empty()) {
    if (sent_[0] != kEscape) {
      const int key = static_cast<unsigned char>(sent_[0]);
      sent_.erase(0, 1);
      return key;
    }
    if (sent_.size() == 1) return std::nullopt;
    if (sent_[1] != '[' && sent_[1] != 'O') {
      sent_.erase(0, 1);  // the escape key itself, or one held with Alt
      continue;
    }
    for (size_t end = 2; end < sent_.size(); ++end) {
      if (!IsLast(sent_[end]) && end < kLongestSequence) continue;
      const int key = KeyOf(std::string_view(sent_).substr(2, end - 1));
      sent_.erase(0, end + 1);
      return key;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace podwarp::ctl
