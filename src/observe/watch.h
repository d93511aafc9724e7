// Opens and closes traces and captures: who they are of is said by name, and they are published to
// the workers.
//
// Thread rule: the control thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "control/node.h"
#include "podwarp/dataplane/observers.h"

namespace podwarp {

// Which frames, in the words of the command line. All that is set must be true.
struct WatchRequest {
  std::string pod;   // "namespace/name"; empty: any
  std::string port;  // its name; empty: any
};

class Watch {
 public:
  // Both outlive it. `tables` are the node's.
  Watch(const Node* node, Tables* tables) : node_(*node), tables_(*tables) {}

  // `filter` says what isn't named in the request. The session is published until Close(). It goes
  // on with the port's number, also if the port goes and another one gets it: IsStill() tells.
  // Errors: NotFound (there is no such pod or port, or the pod has no port), ResourceExhausted
  // (kMaxTraces or kMaxCaptures are open), InvalidArgument (the port isn't the pod's).
  absl::StatusOr<std::shared_ptr<TraceSession>> OpenTrace(const WatchRequest& request,
                                                          TraceFilter filter);
  absl::StatusOr<std::shared_ptr<CaptureSession>> OpenCapture(const WatchRequest& request,
                                                              CaptureFilter filter);
  // Whether what the request names is still at this port.
  bool IsStill(const WatchRequest& request, PortId port) const;
  void Close(const std::shared_ptr<TraceSession>& session);
  void Close(const std::shared_ptr<CaptureSession>& session);

 private:
  void Publish() { tables_.SetObservers(open_); }

  const Node& node_;
  Tables& tables_;
  Observers open_;
};

}  // namespace podwarp
