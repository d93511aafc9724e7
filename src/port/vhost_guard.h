// Keeps from librte_vhost those messages of a guest that it would come to harm by: what it doesn't
// check itself, or checks too late.
//
// It trusts the order of messages: it lets a ring be sized, moved and started in ways that end in
// writes beyond its own memory, tears down rings' memory under workers when the new one can't be
// mapped, and follows messages that it never offered. Guests in order notice nothing of the guard.
//
// Thread rule: librte_vhost's thread.
// Source: vhost_user.c of DPDK 22.11; QEMU's vhost-user protocol specification.
#pragma once

#include <array>
#include <cstdint>

#include "port/vhost_limits.h"

namespace podwarp {

// One for each connection.
class VhostGuard {
 public:
  // Whether librte_vhost may follow `message`, as its pre_msg_handle is given it. If not, the
  // descriptors that came with it are closed.
  bool Admit(void* message);
  // It followed the message that was admitted last, as its post_msg_handle is told.
  void Followed() { state_ = next_; }

 private:
  struct Context;
  struct Ring {
    bool is_started = false;
    uint32_t entries = 0;  // 0: to be sized before it is started
    uint32_t base = 0;
  };
  struct State {
    std::array<Ring, 2 * kMaxVhostQueuePairs> rings;
    uint64_t features = 0;

    bool IsAnyStarted() const;
  };

  // These put into next_ how things will stand.
  bool IsAdmissible(const Context& context);
  bool AdmitFeatures(uint64_t features);
  bool AdmitSize(uint32_t ring, uint32_t entries);
  bool AdmitBase(uint32_t ring, uint32_t base);
  bool AdmitStart(uint32_t ring);
  bool AdmitMemory(const Context& context) const;

  State state_;  // of librte_vhost
  State next_;
};

}  // namespace podwarp
