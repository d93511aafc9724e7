#include "load/stamped.h"

#include <glog/logging.h>

#include <cstring>

#include "load/ticks.h"

namespace podwarp::test {
namespace {

constexpr size_t kStampAt = sizeof(VirtioNetHeader) + 42;  // behind Ethernet, IPv4, UDP
constexpr uint64_t kMagic = 0x3c7d'90a1'55e2'48bf;

struct Stamp {
  uint64_t magic;
  uint64_t ticks;
};

}  // namespace

StampedSender::StampedSender(VirtioPeer& guest, const GuestFrame& frame)
    : ring_(guest.vring(VirtioPeer::SendRing(0))),
      bytes_(static_cast<uint32_t>(sizeof(VirtioNetHeader) + frame.bytes.size())) {
  CHECK_GE(bytes_, kStampAt + sizeof(Stamp)) << "no room for a time in the frame";
  const uint16_t size = ring_.layout.size;
  for (uint16_t id = 0; id < size; ++id) {
    uint8_t* buffer = guest.memory().At(ring_.arena.Cut(id, bytes_, {})[0].address);
    std::memcpy(buffer, &frame.header, sizeof(frame.header));
    std::memcpy(buffer + sizeof(frame.header), frame.bytes.data(), frame.bytes.size());
    buffers_.push_back(buffer);
    free_.push_back(id);
  }
}

uint32_t StampedSender::Send(uint32_t count) {
  for (Virtqueue::Used used; ring_.queue->TakeUsed(&used);) free_.push_back(used.id);
  uint32_t sent = 0;
  for (; sent < count && !free_.empty(); ++sent) {
    const uint16_t id = free_.back();
    free_.pop_back();
    const Stamp stamp{.magic = kMagic, .ticks = Ticks()};
    std::memcpy(buffers_[id] + kStampAt, &stamp, sizeof(stamp));
    CHECK(ring_.queue->Add({.id = id, .pieces = ring_.arena.Cut(id, bytes_, {})}));
  }
  if (ring_.queue->Publish()) ring_.notifier.Kick();
  return sent;
}

StampedReceiver::StampedReceiver(VirtioPeer& guest)
    : ring_(guest.vring(VirtioPeer::ReceiveRing(0))) {
  for (uint16_t id = 0; id < ring_.layout.size; ++id) {
    const auto pieces = ring_.arena.Cut(id, ring_.arena.buffer_bytes(), {});
    buffers_.push_back(guest.memory().At(pieces[0].address));
  }
}

const std::vector<uint64_t>& StampedReceiver::Receive() {
  ages_.clear();
  for (Virtqueue::Used used; ring_.queue->TakeUsed(&used);) {
    Stamp stamp;
    std::memcpy(&stamp, buffers_[used.id] + kStampAt, sizeof(stamp));
    if (stamp.magic == kMagic) ages_.push_back(Ticks() - stamp.ticks);
    CHECK(ring_.queue->Add({.id = used.id,
                            .pieces = ring_.arena.Cut(used.id, ring_.arena.buffer_bytes(), {}),
                            .device_writes = true}));
  }
  if (ring_.queue->Publish()) ring_.notifier.Kick();
  return ages_;
}

}  // namespace podwarp::test
