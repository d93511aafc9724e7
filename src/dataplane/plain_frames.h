// Which frames of a burst are plain: addressed to us, with the port's VLAN tag, IPv4 without
// options, whole and sound, between two addresses that hosts can have. Nearly all are.
//
// Whatever is not plain is looked at again, by somebody who says exactly what it is.
#pragma once

#include <cstdint>

#include "podwarp/dataplane/burst.h"
#include "podwarp/net/headers.h"

namespace podwarp {

// What a port demands of a frame, as words to compare its first 16 bytes with.
struct PlainHeaders {
  explicit PlainHeaders(const PortSettings& port);

  static constexpr uint64_t kMacMask = 0x0000ffffffffffff;
  static constexpr uint32_t kTypeMask = 0x00ffffff;
  uint64_t destination;
  uint64_t own_source;  // a MAC that the source must not be: zero, or our own on an uplink
  // The EtherType, and after it IP's version and length.
  uint32_t type = Be16(kEtherTypeIpv4).raw() | uint32_t{Ipv4Header::kPlainVersionAndLength} << 16;
  uint16_t vlan_id;
};

// Fills in burst.destinations of all plain frames, and burst.traits of all frames. Returns the
// plain ones: bit i stands for frame i.
// One frame after the other.
uint64_t FindPlainFrames(const PlainHeaders& plain, Burst& burst);

// Eight at a time, by AVX-512. It runs on processors that have VBMI2 (Ice Lake, Zen 4 and later):
// older ones slow down for all that use their widest vectors.
uint64_t FindPlainFramesAvx512(const PlainHeaders& plain, Burst& burst);
bool CanFindPlainFramesByAvx512();

}  // namespace podwarp
