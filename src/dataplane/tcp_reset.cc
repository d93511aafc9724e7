#include "dataplane/tcp_reset.h"

#include <algorithm>

#include "dataplane/icmp.h"
#include "dataplane/tcp_segment.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

// What the segment takes of the sequence space.
uint32_t SequenceLength(const Ipv4Header* ip, const TcpHeader* tcp) {
  const int payload = ip->total_length.host() - ip->header_bytes() - tcp->header_bytes();
  return static_cast<uint32_t>(std::max(payload, 0)) + ((tcp->flags & kTcpSyn) != 0) +
         ((tcp->flags & kTcpFin) != 0);
}

}  // namespace

rte_mbuf* MakeTcpReset(WorkerContext& context, rte_mbuf* segment, FlowHeaders headers,
                       const FlowKey& flow) {
  const auto* tcp = rte_pktmbuf_mtod_offset(segment, const TcpHeader*, headers.transport);
  if ((tcp->flags & kTcpRst) != 0) return nullptr;
  TcpSegment reset;
  reset.flow = flow.Reversed();
  reset.flags = kTcpRst;
  reset.time_to_live = kMadeTimeToLive;
  if ((tcp->flags & kTcpAck) != 0) {
    reset.sequence = tcp->acknowledgement.host();
  } else {
    reset.flags |= kTcpAck;
    reset.acknowledgement = tcp->sequence.host() + SequenceLength(Ipv4Of(segment), tcp);
  }
  rte_mbuf* frame = MakeTcpSegment(reset, context.pool);
  if (frame == nullptr) return nullptr;
  context.counters.originated.Add(1);
  context.counters.tcp_resets.Add(1);
  context.observation.Made(segment, frame);
  return frame;
}

}  // namespace podwarp
