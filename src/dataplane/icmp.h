// ICMP that podwarp makes itself: errors as a router must (RFC 1812 4.3), and echo replies.
#pragma once

#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/pipeline.h"
#include "podwarp/net/headers.h"

namespace podwarp {

// Frames made here are routed like others, and Rewrite takes one from their time to live.
inline constexpr uint8_t kMadeTimeToLive = 65;

struct IcmpError {
  IcmpType type;
  uint8_t code;
  uint16_t mtu_bytes = 0;  // for kIcmpFragmentationNeeded
};

// A new frame that tells the sender of `offending` about it. nullptr if none is due (RFC 1812
// 4.3.2.7: never about an ICMP error or a fragment but the first; nor about what podwarp made), the
// rate is used up, or there is no buffer. `offending` stays as it is.
rte_mbuf* MakeIcmpError(WorkerContext& context, const Ingress& ingress, rte_mbuf* offending,
                        const IcmpError& error);

// Unreachable, time exceeded, ...: quotes the packet that it is about.
bool IsIcmpError(uint8_t type);

enum class EchoVerdict { kReply, kNotEcho, kInvalid };

// Turns an ICMP echo request into its reply, in place. Other frames stay as they are.
EchoVerdict TurnEchoAround(rte_mbuf* frame);

}  // namespace podwarp
