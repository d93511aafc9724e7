// Messages of the vhost-user protocol, as far as podwarp looks at them.
//
// Source: QEMU's vhost-user protocol specification, "Front-end message types".
#pragma once

#include <cstdint>
#include <string>

namespace podwarp {

// Those that podwarp lets through.
enum VhostRequest : uint32_t {
  kVhostGetFeatures = 1,
  kVhostSetFeatures = 2,
  kVhostSetOwner = 3,
  kVhostSetMemoryTable = 5,
  kVhostSetLogBase = 6,
  kVhostSetLogFd = 7,
  kVhostSetRingSize = 8,
  kVhostSetRingAddress = 9,
  kVhostSetRingBase = 10,
  kVhostGetRingBase = 11,
  kVhostSetRingKick = 12,
  kVhostSetRingCall = 13,
  kVhostSetRingError = 14,
  kVhostGetProtocolFeatures = 15,
  kVhostSetProtocolFeatures = 16,
  kVhostGetQueueNumber = 17,
  kVhostSetRingEnable = 18,
  kVhostSendRarp = 19,
  kVhostSetMtu = 20,
  kVhostSetBackendChannel = 21,
  kVhostSetStatus = 39,
  kVhostGetStatus = 40,
};

// "SET_VRING_ADDR", or "message 99".
std::string VhostMessageName(uint32_t request);

// A message as librte_vhost hands it to its observers: the wire format, in host order.
uint32_t VhostRequestOf(const void* message);

// One sentence on why librte_vhost would not follow such a message, with what helps.
std::string WhyRefused(uint32_t request);

}  // namespace podwarp
