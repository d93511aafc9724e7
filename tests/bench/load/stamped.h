// The two ends of a measured way: frames that carry the time at which they were sent, over the
// first queue of a guest. They use the ring themselves: Send() and Receive() of the guest must not
// be used beside them.
#pragma once

#include <cstdint>
#include <vector>

#include "load/guest.h"

namespace podwarp::test {

class StampedSender {
 public:
  StampedSender(VirtioPeer& guest, const GuestFrame& frame);

  // As many as the ring has room for. Returns how many.
  uint32_t Send(uint32_t count);

 private:
  VirtioPeer::Vring& ring_;
  const uint32_t bytes_;           // virtio header and frame
  std::vector<uint8_t*> buffers_;  // by id
  std::vector<uint16_t> free_;     // ids
};

class StampedReceiver {
 public:
  explicit StampedReceiver(VirtioPeer& guest);

  // The ages, in ticks, of the frames that came; valid until the next call. What carries no time is
  // left out.
  const std::vector<uint64_t>& Receive();

 private:
  VirtioPeer::Vring& ring_;
  std::vector<const uint8_t*> buffers_;  // by id
  std::vector<uint64_t> ages_;
};

}  // namespace podwarp::test
