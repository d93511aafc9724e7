// Guest memory for the buffers of one ring: a stretch for each buffer id, cut into descriptors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/virtio/guest_memory.h"

namespace podwarp::test {

// How a buffer is told to the device. The default is one descriptor.
struct BufferLayout {
  // Bytes of the first descriptors, virtio header included; one more has what is left. {12} is the
  // header apart from the frame. They don't touch each other in memory.
  std::vector<uint32_t> pieces = {};
  bool indirect = false;  // needs kRingIndirect
};

class BufferArena {
 public:
  static constexpr size_t kMaxPieces = 32;

  // `bytes`: the longest buffer, virtio header included.
  BufferArena(GuestMemory& memory, uint16_t buffers, uint32_t bytes);
  static uint64_t BytesFor(uint16_t buffers, uint32_t bytes);

  // The first `bytes` bytes of a buffer. Valid until the next call.
  std::span<const Piece> Cut(uint16_t id, uint32_t bytes, const BufferLayout& layout);
  // Where its indirect table may stand; null if the layout has none. Valid until the next call.
  const GuestMemory::Chunk* Table(uint16_t id, const BufferLayout& layout);

  uint32_t buffer_bytes() const { return buffer_bytes_; }

 private:
  const uint32_t buffer_bytes_;
  const uint64_t stride_;
  const GuestMemory::Chunk buffers_;
  const GuestMemory::Chunk tables_;
  std::vector<Piece> pieces_;
  GuestMemory::Chunk table_;
};

}  // namespace podwarp::test
