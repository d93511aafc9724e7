#include "dataplane/drop.h"
#include "dataplane/stages.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

// Who sends what isn't its own.
void DropSpoofed(WorkerContext& context, uint64_t right, Burst& burst) {
  const Ingress& ingress = burst.ingress;
  const uint16_t received = burst.count;
  burst.count = 0;
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = burst.frames[i];
    if ((right >> i & 1) != 0) {
      burst.Add(frame, burst.destinations[i]);
    } else if (ingress.pod == nullptr) {
      Drop(context, ingress.id, frame, DropReason::kNoPodBehindPort);
    } else if (EthernetOf(frame)->source != ingress.pod->mac) {
      Drop(context, ingress.id, frame, DropReason::kSpoofedMac);
    } else {
      Drop(context, ingress.id, frame, DropReason::kSpoofedIp);
    }
  }
}

}  // namespace

void GuardSource(WorkerContext& context, Burst& burst) {
  if (burst.ingress.role() == PortRole::kUplink) return;
  uint64_t right = 0;
  if (const Pod* pod = burst.ingress.pod) {
    for (uint16_t i = 0; i < burst.count; ++i) {
      rte_mbuf* frame = burst.frames[i];
      const bool is_own =
          EthernetOf(frame)->source == pod->mac && pod->MaySendFrom(Ipv4Of(frame)->source);
      right |= uint64_t{is_own} << i;
    }
  }
  if (right != FirstFrames(burst.count)) DropSpoofed(context, right, burst);
}

}  // namespace podwarp
