#include "podwarp/dataplane/capture.h"

#include <cstring>
#include <utility>

namespace podwarp {

CaptureSession::CaptureSession(CaptureFilter filter, uint16_t workers, size_t ring_bytes)
    : filter_(std::move(filter)) {
  for (uint16_t i = 0; i < workers; ++i) rings_.push_back(std::make_unique<RecordRing>(ring_bytes));
}

void CaptureSession::ForEach(
    const std::function<bool(const CaptureRecord&, std::span<const std::byte> bytes)>& visit) {
  const size_t begin = first_;
  for (size_t i = 0; i < rings_.size(); ++i) {
    const size_t worker = (begin + i) % rings_.size();
    const std::unique_ptr<RecordRing>& ring = rings_[worker];
    for (std::span<const std::byte> bytes = ring->Peek(); !bytes.empty(); bytes = ring->Peek()) {
      CaptureRecord record;
      std::memcpy(&record, bytes.data(), sizeof(record));
      const bool goes_on = visit(record, bytes.subspan(sizeof(record), record.captured_bytes));
      ring->Release();
      if (goes_on) continue;
      first_ = (worker + 1) % rings_.size();
      return;
    }
  }
}

uint64_t CaptureSession::lost() const {
  uint64_t lost = 0;
  for (const std::unique_ptr<RecordRing>& ring : rings_) lost += ring->lost();
  return lost;
}

}  // namespace podwarp
