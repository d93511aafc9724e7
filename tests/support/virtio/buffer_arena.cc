#include "support/virtio/buffer_arena.h"

#include <glog/logging.h>

#include <algorithm>

#include "support/virtio/vring_layout.h"

namespace podwarp::test {
namespace {

// Between two pieces: odd, so that no alignment is kept.
constexpr uint32_t kGapBytes = 7;
constexpr uint64_t kTableBytes = BufferArena::kMaxPieces * sizeof(VirtqDesc);
static_assert(sizeof(VirtqDesc) == sizeof(PvirtqDesc));

uint64_t Stride(uint32_t bytes) {
  return (bytes + BufferArena::kMaxPieces * kGapBytes + 63) / 64 * 64;
}

}  // namespace

BufferArena::BufferArena(GuestMemory& memory, uint16_t buffers, uint32_t bytes)
    : buffer_bytes_(bytes),
      stride_(Stride(bytes)),
      buffers_(memory.Allocate(buffers * stride_)),
      tables_(memory.Allocate(buffers * kTableBytes)) {}

uint64_t BufferArena::BytesFor(uint16_t buffers, uint32_t bytes) {
  return buffers * (Stride(bytes) + kTableBytes);
}

std::span<const Piece> BufferArena::Cut(uint16_t id, uint32_t bytes, const BufferLayout& layout) {
  CHECK_LE(bytes, buffer_bytes_) << "longer than the guest's buffers";
  CHECK_LT(layout.pieces.size(), kMaxPieces);
  uint64_t address = buffers_.address + id * stride_;
  uint32_t left = bytes;
  pieces_.clear();
  for (const uint32_t wanted : layout.pieces) {
    const uint32_t piece = std::min(wanted, left);
    pieces_.push_back({.address = address, .bytes = piece});
    address += piece + kGapBytes;
    left -= piece;
    if (left == 0) return pieces_;
  }
  pieces_.push_back({.address = address, .bytes = left});
  return pieces_;
}

const GuestMemory::Chunk* BufferArena::Table(uint16_t id, const BufferLayout& layout) {
  if (!layout.indirect) return nullptr;
  table_ = {.data = tables_.data + id * kTableBytes,
            .address = tables_.address + id * kTableBytes,
            .bytes = kTableBytes};
  return &table_;
}

}  // namespace podwarp::test
