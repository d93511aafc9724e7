// What a frame's trace says, in words: for the API's trace stream and for explain.
//
// Thread rule: the control thread, who knows the names.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"
#include "control/node.h"
#include "podwarp/dataplane/trace.h"

namespace podwarp {

// {"id": "1-17", "cause": "1-16", "lcore": 1, "time": RFC 3339, "port": "web-1",
//  "pod": "default/web-1", "frame": "10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes",
//  "steps": [{"stage": "route", "verdict": "passed", "microseconds": 0.12,
//             "text": "10.244.2.10 is routed to node node-b, by uplink0"}],
//  "end": "dropped", "reason": "spoofed_ip", "help": ..., "at_port": ..., "at_pod": ...}
//
// "id" is the worker's lcore and a number; "cause" stands with what podwarp made in answer to
// another frame, or cut from it. "end" is the last step's verdict. A frame that was dropped has a
// reason; "at_port" and "at_pod" are those that the drop is counted for (DropsOf), or by which a
// sent frame left. `received` is the wall clock's time of TraceRecord::received.
nlohmann::ordered_json TraceToJson(const TraceRecord& record, absl::Time received,
                                   const Node& node);

}  // namespace podwarp
