#include "telemetry/commands.h"

namespace podwarp {

absl::Status StartTelemetry(const Node*, ControlLoop*) { return absl::OkStatus(); }
void StopTelemetry() {}

}  // namespace podwarp
