#include "capture/blocks.h"

#include <cstring>

namespace podwarp::ctl {
namespace {

constexpr uint32_t kStatisticsBlock = 5;
constexpr uint32_t kPacketBlock = 6;
constexpr uint16_t kDroppedOption = 5;  // isb_ifdrop
// Type and length at the beginning, and the length once more.
constexpr uint32_t kLeastBlock = 12;
constexpr uint32_t kMostBlock = 1 << 20;  // a frame and a comment are far shorter

// REQUIRES: it is within.
template <typename T>
T IntegerAt(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

}  // namespace

absl::StatusOr<std::string> CaptureBlocks::Take(std::string_view part) {
  rest_.append(part);
  size_t whole = 0;
  while (rest_.size() - whole >= kLeastBlock) {
    const auto length = IntegerAt<uint32_t>(rest_, whole + 4);
    if (length < kLeastBlock || length % 4 != 0 || length > kMostBlock) {
      return absl::FailedPreconditionError("what podwarp sends is no capture");
    }
    if (rest_.size() - whole < length) break;
    Count(std::string_view(rest_).substr(whole, length));
    whole += length;
  }
  std::string blocks = rest_.substr(0, whole);
  rest_.erase(0, whole);
  return blocks;
}

uint64_t CaptureBlocks::lost() const {
  uint64_t lost = 0;
  for (const auto& [interface, count] : lost_) lost += count;
  return lost;
}

void CaptureBlocks::Count(std::string_view block) {
  const auto type = IntegerAt<uint32_t>(block, 0);
  frames_ += type == kPacketBlock;
  // Interface and time, then options.
  constexpr size_t kOptions = 20;
  if (type != kStatisticsBlock || block.size() < kOptions + 4) return;
  const std::string_view body = block.substr(0, block.size() - 4);
  for (size_t at = kOptions; at + 4 <= body.size();) {
    const auto option = IntegerAt<uint16_t>(body, at);
    const auto length = IntegerAt<uint16_t>(body, at + 2);
    if (option == kDroppedOption && length == 8 && at + 12 <= body.size()) {
      lost_[IntegerAt<uint32_t>(body, 8)] = IntegerAt<uint64_t>(body, at + 4);
    }
    at += 4 + (length + 3u) / 4 * 4;
  }
}

}  // namespace podwarp::ctl
