// An explanation in words.
//
// Thread rule: the control thread, who knows the names.
#pragma once

#include <nlohmann/json.hpp>

#include "control/node.h"
#include "observe/explain.h"

namespace podwarp {

// {"from", "to": "10.96.0.80:80/tcp", "verdict": "sent" | "dropped" | "consumed", "reason", "help",
//  "summary": one sentence, "arp": [traces], "frames": [traces]}
//
// The verdict is the frame's; of one that is cut into fragments theirs. A reason stands with
// "dropped" only. Traces are as TraceToJson() has them.
nlohmann::ordered_json ExplanationToJson(const ExplainRequest& request,
                                         const Explanation& explanation, const Node& node);

}  // namespace podwarp
