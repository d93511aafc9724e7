// The two directions of a guest's queue pair, over a ring each: frames out, frames in.
//
// Thread rule: one thread at a time for each of them.
// Source: Virtual I/O Device 1.2, 5.1.6.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "support/virtio/buffer_arena.h"
#include "support/virtio/notifier.h"
#include "support/virtio/virtio_net.h"
#include "support/virtio/virtqueue.h"

namespace podwarp::test {

struct GuestFrame {
  std::vector<uint8_t> bytes;  // from the destination MAC on
  VirtioNetHeader header = {};
};

// What both directions have.
struct RingParts {
  GuestMemory& memory;
  BufferArena& arena;
  Virtqueue& queue;
  Notifier& notifier;
  size_t header_bytes;  // 10 or 12

  void PublishAndKick() const {
    if (queue.Publish()) notifier.Kick();
  }
};

class FrameSender {
 public:
  explicit FrameSender(const RingParts& parts);

  // As many as there is room for, shown to the device by one write. Returns how many.
  uint32_t Send(std::span<const GuestFrame> frames, const BufferLayout& layout);
  // Shows up to `limit` frames again that the device has given back: the fast way.
  uint32_t SendAgain(uint32_t limit);
  // Takes what was given back. Returns how many frames the device still has.
  uint32_t InFlight();

 private:
  const RingParts parts_;
  std::vector<uint16_t> free_;  // buffer ids; the last is next
};

class FrameReceiver {
 public:
  // Gives all buffers to the device, cut as `layout` says.
  FrameReceiver(const RingParts& parts, bool mergeable, BufferLayout layout);

  // All frames that are there. Their buffers are with the device again.
  std::vector<GuestFrame> Receive();
  // Gives buffers back without looking at them: the fast way. Returns how many; that is how many
  // frames, if each fits in one buffer.
  uint32_t Discard();
  // Takes what is there from the ring, and keeps it for Receive().
  void Collect();

 private:
  void Post(uint16_t id);
  GuestFrame Take(size_t buffers);

  const RingParts parts_;
  const bool mergeable_;
  const BufferLayout layout_;
  std::deque<Virtqueue::Used> collected_;
};

}  // namespace podwarp::test
