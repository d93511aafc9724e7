// Where frames die. Nothing else in the dataplane frees one.
#pragma once

#include "podwarp/dataplane/burst.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/pipeline.h"

namespace podwarp {

// `port`: where the frame came in, or, from Transmit on, where it was to leave; kNoPort for a frame
// that podwarp made.
void Drop(WorkerContext& context, PortId port, rte_mbuf* frame, DropReason reason);

// The frame has reached its end: podwarp was whom it was for, or it lives on in other frames.
void Consume(WorkerContext& context, rte_mbuf* frame);

}  // namespace podwarp
