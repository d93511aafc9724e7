// A frame's trace as people read it: the frame, its stages below each other, and how it ended.
//
//   14:03:07.123456 #0-17 10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes
//     receive            from pod default/web-1
//     ...
//     send               handed to port uplink0 (1.3 us)
#pragma once

#include <ostream>

#include "client/api_client.h"

namespace podwarp::ctl {

// `trace`: as configs/openapi.yaml has it.
void PrintTrace(const Json& trace, std::ostream* out);

}  // namespace podwarp::ctl
