// What DPDK's telemetry socket says about podwarp, under /podwarp/ ("Telemetry Library" in the DPDK
// Programmer's Guide). Read with dpdk-telemetry.py -f FILE_PREFIX.
//
// Long lists come in pages: {"total", "start", "entries": {"0": {...}, "1": ...}, "next"}; the page
// that "next" names is asked for by /podwarp/pods,NEXT (of connections, with start=NEXT). Truth
// values are 1 and 0. What is wrong with a question stands under "error".
//
// Thread rule: Start and Stop are for the control thread. The answers are made in it too, at the
// request of DPDK's threads, one a client: no other thread looks at tables.
#pragma once

#include "absl/status/status.h"
#include "control/control_loop.h"
#include "control/kubernetes_status.h"
#include "control/node.h"

namespace podwarp {

// Answers from now on. Both outlive StopTelemetry(). Errors: Internal (DPDK refuses a command).
// `kubernetes` is asked by DPDK's threads; what it asks outlives StopTelemetry(), too.
absl::Status StartTelemetry(const Node* node, ControlLoop* loop,
                            KubernetesStatusSource kubernetes = nullptr);
// Commands answer "podwarp is stopping" from now on. REQUIRES: the loop doesn't run (any more),
// else a client that waits for it would hold this up for ever.
void StopTelemetry();

}  // namespace podwarp
