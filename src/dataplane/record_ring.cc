// A record stands behind its length, in one piece: one that would go over the end of the memory
// begins at its start, and the length kSkip stands for what is left there.
#include "podwarp/dataplane/record_ring.h"

#include <glog/logging.h>

#include <bit>
#include <cstring>

namespace podwarp {
namespace {

constexpr uint64_t kLengthBytes = sizeof(uint64_t);
constexpr uint64_t kSkip = UINT64_MAX;

uint64_t RoundedUp(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

}  // namespace

RecordRing::RecordRing(size_t bytes)
    : bytes_(bytes), memory_(new uint64_t[bytes / sizeof(uint64_t)]) {
  CHECK(std::has_single_bit(bytes) && bytes >= 64) << bytes;
}

std::byte* RecordRing::Reserve(uint32_t record_bytes) {
  const uint64_t needed = kLengthBytes + RoundedUp(record_bytes);
  const uint64_t to_end = bytes_ - (reserved_ & (bytes_ - 1));
  const uint64_t skipped = needed <= to_end ? 0 : to_end;
  const uint64_t end = reserved_ + skipped + needed;
  if (end - known_read_ > bytes_) {
    known_read_ = read_.load(std::memory_order_acquire);
    if (end - known_read_ > bytes_) {
      lost_.store(lost() + 1, std::memory_order_relaxed);
      return nullptr;
    }
  }
  const auto at = [this](uint64_t position) {
    return &memory_[(position & (bytes_ - 1)) / sizeof(uint64_t)];
  };
  if (skipped > 0) *at(reserved_) = kSkip;
  uint64_t* const length = at(reserved_ + skipped);
  *length = record_bytes;
  reserved_ = end;
  return reinterpret_cast<std::byte*>(length + 1);
}

std::span<const std::byte> RecordRing::Peek() {
  const uint64_t written = written_.load(std::memory_order_acquire);
  uint64_t position = read_.load(std::memory_order_relaxed);
  if (position == written) return {};
  const uint64_t* length = &memory_[(position & (bytes_ - 1)) / sizeof(uint64_t)];
  if (*length == kSkip) {
    position += bytes_ - (position & (bytes_ - 1));
    length = memory_.get();
  }
  next_read_ = position + kLengthBytes + RoundedUp(*length);
  return {reinterpret_cast<const std::byte*>(length + 1), *length};
}

void RecordRing::Release() { read_.store(next_read_, std::memory_order_release); }

}  // namespace podwarp
