// The stages of a frame's way, as pipeline.cc has them: one list that gives the enum, the name in
// telemetry, metrics and traces, and the help.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace podwarp {

// X(enumerator, name, help)
#define PODWARP_STAGES(X)                                                                         \
  X(kReceive, "receive", "takes frames from a port's queue")                                      \
  X(kClassify, "classify", "checks Ethernet and IP headers, and tells ARP from IP")               \
  X(kAnswerArp, "answer_arp", "answers ARP in place")                                             \
  X(kGuardSource, "guard_source", "pods send from their own addresses only")                      \
  X(kRoute, "route", "finds the next hop of the destination")                                     \
  X(kTranslateService, "translate_service", "writes backends' addresses for services' and back")  \
  X(kRewrite, "rewrite", "takes one from the time to live, and writes the next hop's MACs")       \
  X(kHandleException, "handle_exception", "does what a router must with what can't simply go on") \
  X(kTransmit, "transmit", "lays frames into the port's transmit buffer, and finishes offloads")  \
  X(kSend, "send", "hands the buffer to the port")

enum class Stage : uint8_t {
#define X(enumerator, name, help) enumerator,
  PODWARP_STAGES(X)
#undef X
};

#define X(enumerator, name, help) +1
inline constexpr size_t kStages = 0 PODWARP_STAGES(X);
#undef X

// snake_case, the same in telemetry, metrics and command line.
std::string_view Name(Stage stage);
std::string_view Help(Stage stage);

}  // namespace podwarp
