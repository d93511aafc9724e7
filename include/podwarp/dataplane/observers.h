// Who is watching the frames at the moment.
//
//   Writer:   the control thread.
//   Readers:  workers, once a round.
//   Publish:  a list that never changes, swapped whole (Tables::SetObservers).
//   Reclaim:  the old list after a grace period; a session with the last list that has it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "podwarp/dataplane/capture.h"
#include "podwarp/dataplane/trace.h"

namespace podwarp {

inline constexpr size_t kMaxTraces = 4;
inline constexpr size_t kMaxCaptures = 4;

struct Observers {
  std::vector<std::shared_ptr<TraceSession>> traces;      // at most kMaxTraces
  std::vector<std::shared_ptr<CaptureSession>> captures;  // at most kMaxCaptures

  bool empty() const { return traces.empty() && captures.empty(); }
};

}  // namespace podwarp
