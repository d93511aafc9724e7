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

// The beginning of a message as librte_vhost hands it to its observers: the wire format, in host
// order.
struct VhostMessage {
  uint32_t request;
  uint32_t flags;
  uint32_t payload_bytes;
  // What kVhostSetRingEnable says; kVhostSendRarp has a MAC here.
  union {
    struct {
      uint32_t ring;
      uint32_t value;
    };
    uint8_t mac[6];
  };
};
VhostMessage VhostMessageOf(const void* message);

// Whether a message leaves a device's rings and memory as they are, whatever it says.
bool LeavesRingsAlone(uint32_t request);

// One sentence on why librte_vhost would not follow such a message, with what helps.
std::string WhyRefused(uint32_t request);

}  // namespace podwarp
