// Frames as people read them, and the matcher that shows them so.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "support/packet.h"

namespace podwarp::test {

// One header of a frame: "udp 1000 > 2000 length 12 checksum 0x1b2c right".
struct FrameLine {
  size_t offset;  // of its first byte
  std::string text;
};

// From Ethernet inwards. A checksum is right, partial (the pseudo-header's sum, as an Offload wants
// it), none (UDP), unverifiable (fragments, and what an ICMP error quotes in part) or wrong, with
// what would be right.
std::vector<FrameLine> FrameLines(const Bytes& frame);

// These lines, each indented and with its line end.
std::string Describe(const Packet& packet);

// EXPECT_THAT(frame, EqualsFrame(expected)): on mismatch both frames as field lists, and where the
// first differing byte is.
testing::Matcher<const Packet&> EqualsFrame(Packet expected);

}  // namespace podwarp::test
