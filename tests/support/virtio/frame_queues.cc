#include "support/virtio/frame_queues.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace podwarp::test {

FrameSender::FrameSender(const RingParts& parts) : parts_(parts) {
  for (uint16_t id = parts_.queue.layout().size; id > 0; --id) free_.push_back(id - 1);
}

uint32_t FrameSender::Send(std::span<const GuestFrame> frames, const BufferLayout& layout) {
  InFlight();
  uint32_t sent = 0;
  std::vector<uint8_t> bytes;
  for (const GuestFrame& frame : frames) {
    if (free_.empty()) break;
    const uint16_t id = free_.back();
    bytes.resize(parts_.header_bytes + frame.bytes.size());
    std::memcpy(bytes.data(), &frame.header, parts_.header_bytes);
    std::ranges::copy(frame.bytes, bytes.begin() + static_cast<ssize_t>(parts_.header_bytes));
    const auto pieces = parts_.arena.Cut(id, static_cast<uint32_t>(bytes.size()), layout);
    const bool added = parts_.queue.Add({.id = id,
                                         .pieces = pieces,
                                         .device_writes = false,
                                         .indirect_table = parts_.arena.Table(id, layout)});
    if (!added) break;
    Scatter(parts_.memory, bytes, pieces);
    free_.pop_back();
    ++sent;
  }
  parts_.PublishAndKick();
  return sent;
}

uint32_t FrameSender::SendAgain(uint32_t limit) {
  const uint32_t sent = parts_.queue.Recycle(limit);
  parts_.PublishAndKick();
  return sent;
}

uint32_t FrameSender::InFlight() {
  for (Virtqueue::Used used; parts_.queue.TakeUsed(&used);) free_.push_back(used.id);
  return parts_.queue.layout().size - static_cast<uint32_t>(free_.size());
}

FrameReceiver::FrameReceiver(const RingParts& parts, bool mergeable, BufferLayout layout)
    : parts_(parts), mergeable_(mergeable), layout_(std::move(layout)) {
  // Where a buffer takes several descriptors, the ring is full before all are with the device.
  const size_t descriptors = layout_.indirect ? 1 : layout_.pieces.size() + 1;
  const size_t buffers = parts_.queue.layout().size / descriptors;
  for (uint16_t id = 0; id < buffers; ++id) Post(id);
  parts_.PublishAndKick();
}

void FrameReceiver::Post(uint16_t id) {
  CHECK(parts_.queue.Add({.id = id,
                          .pieces = parts_.arena.Cut(id, parts_.arena.buffer_bytes(), layout_),
                          .device_writes = true,
                          .indirect_table = parts_.arena.Table(id, layout_)}));
}

void FrameReceiver::Collect() {
  for (Virtqueue::Used used; parts_.queue.TakeUsed(&used);) collected_.push_back(used);
}

std::vector<GuestFrame> FrameReceiver::Receive() {
  Collect();
  std::vector<GuestFrame> frames;
  while (!collected_.empty()) {
    size_t buffers = 1;
    if (mergeable_) {
      VirtioNetHeader header;
      const auto pieces =
          parts_.arena.Cut(collected_.front().id, parts_.arena.buffer_bytes(), layout_);
      Gather(parts_.memory, pieces, {reinterpret_cast<uint8_t*>(&header), sizeof(header)});
      buffers = header.num_buffers;
      if (buffers == 0 || buffers > parts_.queue.layout().size) {
        ADD_FAILURE() << "a frame in " << buffers << " buffers";
        buffers = 1;
      }
      // The rest of the frame may still be under way.
      if (buffers > collected_.size()) break;
    }
    frames.push_back(Take(buffers));
  }
  parts_.PublishAndKick();
  return frames;
}

GuestFrame FrameReceiver::Take(size_t buffers) {
  std::vector<uint8_t> bytes;
  for (; buffers > 0; --buffers) {
    const Virtqueue::Used used = collected_.front();
    collected_.pop_front();
    if (used.bytes > parts_.arena.buffer_bytes()) {
      ADD_FAILURE() << used.bytes << " bytes in a buffer of " << parts_.arena.buffer_bytes();
    } else {
      const size_t before = bytes.size();
      bytes.resize(before + used.bytes);
      Gather(parts_.memory, parts_.arena.Cut(used.id, parts_.arena.buffer_bytes(), layout_),
             std::span(bytes).subspan(before));
    }
    Post(used.id);
  }
  GuestFrame frame;
  if (bytes.size() < parts_.header_bytes) {
    ADD_FAILURE() << "a frame without its virtio header: " << bytes.size() << " bytes";
    return frame;
  }
  std::memcpy(&frame.header, bytes.data(), parts_.header_bytes);
  frame.bytes.assign(bytes.begin() + static_cast<ssize_t>(parts_.header_bytes), bytes.end());
  return frame;
}

uint32_t FrameReceiver::Discard() {
  auto discarded = static_cast<uint32_t>(collected_.size());
  for (; !collected_.empty(); collected_.pop_front()) Post(collected_.front().id);
  discarded += parts_.queue.Recycle(std::numeric_limits<uint32_t>::max());
  parts_.PublishAndKick();
  return discarded;
}

}  // namespace podwarp::test
