// A frame's headers in words, in one line.
#pragma once

#include <cstdint>
#include <string>

#include "observe/header_bytes.h"

namespace podwarp {

// "10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes", "ARP who has 10.244.1.11, tell 10.244.1.10,
// 42 bytes". `headers` are the frame's first bytes, and `frame_bytes` counts all of them.
std::string FrameText(HeaderBytes headers, uint32_t frame_bytes);

}  // namespace podwarp
