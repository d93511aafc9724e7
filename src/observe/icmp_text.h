// ICMP's types and codes in words (RFC 792).
#pragma once

#include <string>

#include "podwarp/net/headers.h"

namespace podwarp {

// "echo request 7", "fragmentation needed, MTU 1400", "time exceeded"
std::string IcmpText(const IcmpHeader& icmp);

}  // namespace podwarp
