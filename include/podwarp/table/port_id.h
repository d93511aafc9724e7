// Ports by number, as tables and frames name them.
#pragma once

#include <cstdint>

namespace podwarp {

using PortId = uint16_t;

inline constexpr PortId kMaxPorts = 2048;  // 1,000 pod ports, and as many again during a move
inline constexpr PortId kNoPort = 0xffff;

}  // namespace podwarp
