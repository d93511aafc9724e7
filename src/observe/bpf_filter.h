// Filter expressions in the language of tcpdump, as programs over frames.
//
// Source: pcap-filter(7).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "podwarp/dataplane/capture.h"

namespace podwarp {

// Made into machine code where that can be done, else interpreted over a frame's first 2,048 bytes.
// What stands past a frame's end makes a program say no, as with tcpdump. Looks up the names that
// stand in the expression, which may take seconds. Thread rule: any thread; the EAL runs. Errors:
// InvalidArgument with libpcap's sentence, or if it is longer than 1,024 characters.
absl::StatusOr<FrameProgram> CompileFilter(const std::string& expression);

// What CompileFilter() falls back to, for tests: the interpreter in any case.
absl::StatusOr<FrameProgram> CompileInterpretedFilter(const std::string& expression);

}  // namespace podwarp
