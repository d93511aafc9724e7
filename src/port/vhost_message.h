// Messages of the vhost-user protocol, as far as podwarp looks at them.
//
// Source: QEMU's vhost-user protocol specification, "Front-end message types".
#pragma once

#include <cstdint>
#include <string>

namespace podwarp {

inline constexpr uint32_t kVhostSetFeatures = 2;
inline constexpr uint32_t kVhostSetMemoryTable = 5;
inline constexpr uint32_t kVhostSendRarp = 19;

// "SET_VRING_ADDR", or "message 99".
std::string VhostMessageName(uint32_t request);

// One sentence on why librte_vhost would not follow such a message, with what helps.
std::string WhyRefused(uint32_t request);

}  // namespace podwarp
