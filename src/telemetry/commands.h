// What DPDK's telemetry socket says about podwarp, under /podwarp/ ("Telemetry Library" in the DPDK
// Programmer's Guide). Read with dpdk-telemetry.py -f FILE_PREFIX.
//
// Thread rule: Start and Stop are for the control thread. The answers are made in it too, at the
// telemetry thread's request: no other thread looks at tables.
#pragma once

#include "absl/status/status.h"
#include "control/control_loop.h"
#include "control/node.h"

namespace podwarp {

// Answers from now on. Both outlive StopTelemetry(). Errors: Internal (DPDK refuses a command).
absl::Status StartTelemetry(const Node* node, ControlLoop* loop);
// Commands answer "podwarp is stopping" from now on.
void StopTelemetry();

}  // namespace podwarp
