#include "dataplane/plain_frames.h"

#include "dataplane/plain_frame.h"
#include "podwarp/dataplane/pipeline.h"

namespace podwarp {
namespace {

uint64_t WordOf(const MacAddress& mac) {
  return Load<uint32_t>(&mac) | uint64_t{Load<uint16_t>(mac.bytes().data() + 4)} << 32;
}

}  // namespace

PlainHeaders::PlainHeaders(const PortSettings& port)
    : destination(WordOf(port.router_mac)),
      own_source(port.role == PortRole::kUplink ? destination : 0),
      vlan_id(port.vlan_id) {}

uint64_t FindPlainFrames(const PlainHeaders& plain, Burst& burst) {
  for (uint16_t i = 0; i < burst.count; ++i) {
    rte_prefetch0(rte_pktmbuf_mtod(burst.frames[i], void*));
  }
  uint64_t found = 0;
  for (uint16_t i = 0; i < burst.count; ++i) found |= FindPlainFrame(plain, burst, i);
  return found;
}

PlainFrameFinder BestPlainFrameFinder() {
  return CanFindPlainFramesByAvx512() ? FindPlainFramesAvx512 : FindPlainFrames;
}

}  // namespace podwarp
