#include "dataplane/drop.h"
#include "dataplane/stages.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {

void GuardSource(WorkerContext& context, Burst& burst) {
  const Ingress& ingress = burst.ingress;
  if (ingress.role() == PortRole::kUplink) return;
  const Pod* pod = ingress.pod;
  const uint16_t received = burst.count;
  burst.count = 0;
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = burst.frames[i];
    if (pod == nullptr) {
      Drop(context, ingress.id, frame, DropReason::kNoPodBehindPort);
    } else if (EthernetOf(frame)->source != pod->mac) {
      Drop(context, ingress.id, frame, DropReason::kSpoofedMac);
    } else if (!pod->MaySendFrom(Ipv4Of(frame)->source)) {
      Drop(context, ingress.id, frame, DropReason::kSpoofedIp);
    } else {
      burst.Add(frame, burst.destinations[i]);
    }
  }
}

}  // namespace podwarp
