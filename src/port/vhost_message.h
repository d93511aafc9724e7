// Messages of the vhost-user protocol, as far as podwarp looks at them.
//
// Source: QEMU's vhost-user protocol specification, "Front-end message types".
#pragma once

#include <cstdint>
#include <string>

namespace podwarp {

inline constexpr uint32_t kVhostSetFeatures = 2;
inline constexpr uint32_t kVhostSetMemoryTable = 5;
inline constexpr uint32_t kVhostSetRingSize = 8;

// "SET_VRING_ADDR", or "message 99".
std::string VhostMessageName(uint32_t request);

// What a SET_VRING_NUM asks for.
struct VhostRingSize {
  uint32_t ring = 0;
  uint32_t entries = 0;
};

// A message as librte_vhost hands it to its observers: the wire format, in host order.
uint32_t VhostRequestOf(const void* message);
// REQUIRES: the message is a SET_VRING_NUM.
VhostRingSize VhostRingSizeOf(const void* message);

// One sentence on why librte_vhost would not follow such a message, with what helps.
std::string WhyRefused(uint32_t request);

}  // namespace podwarp
