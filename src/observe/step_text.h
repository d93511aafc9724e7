// What a stage has done with a frame, in one plain sentence.
//
// Thread rule: the control thread, who knows the names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "control/node.h"
#include "podwarp/dataplane/trace.h"

namespace podwarp {

std::string_view Name(TraceVerdict verdict);  // "passed", "dropped", "consumed", "sent"

// "1-17": the worker's lcore and the frame's number.
std::string TraceId(uint16_t worker, uint64_t number);

// REQUIRES: i < record.step_count.
std::string StepText(const TraceRecord& record, size_t i, const Node& node);

}  // namespace podwarp
