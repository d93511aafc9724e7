// New connections to services: which backend they get, and under which key they are found again.
#pragma once

#include "dataplane/flow_headers.h"
#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/pipeline.h"
#include "podwarp/table/connection_table.h"

namespace podwarp {

struct Connected {
  Connection* connection = nullptr;
  DropReason reason = DropReason::kServiceNoPort;  // why there is none
};

// Whether the backend is a pod of this node, or its kernel.
bool IsHere(const Tables& tables, Ipv4Address backend);

// kServiceNoPort: there is no service at the flow's destination. REQUIRES: `headers` and `flow` are
// the frame's; headers.kind is kFlow, and the connection table has no connection for the flow that
// is to be kept.
Connected Connect(WorkerContext& context, const Ingress& ingress, rte_mbuf* frame,
                  FlowHeaders headers, const FlowKey& flow);

}  // namespace podwarp
