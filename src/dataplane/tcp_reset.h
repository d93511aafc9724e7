// The TCP reset by which a connection is refused or ended.
#pragma once

#include "dataplane/flow_headers.h"
#include "podwarp/dataplane/pipeline.h"

namespace podwarp {

// A new frame to the sender of `segment`, in the name of whom it was sent to (RFC 9293 3.10.7.1).
// nullptr if none is due (about a reset), or there is no buffer. `segment` stays as it is.
// REQUIRES: `headers` and `flow` are the segment's, TCP, and of kind kFlow.
rte_mbuf* MakeTcpReset(WorkerContext& context, rte_mbuf* segment, FlowHeaders headers,
                       const FlowKey& flow);

}  // namespace podwarp
