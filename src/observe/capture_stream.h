// A capture as the API's stream: pcapng that grows as frames come.
//
// An interface for each port, nanoseconds of the wall clock, the direction in podwarp's view, and
// for each frame that was dropped a comment:
//   dropped: spoofed_ip (source address isn't the pod's); port default/web-1, pod default/web-1,
//   stage guard_source
// in one line, without the parts that there are none of. A frame that came in and was dropped later
// is there twice, unless only drops are wanted. How many copies found no room stands in the
// statistics of the first interface: at the end, and every second in which it has grown, since a
// reader that has had enough doesn't see the end.
//
// Thread rule: that of ApiStream.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/backend.h"
#include "control/control_loop.h"
#include "control/node.h"
#include "observe/capture_interfaces.h"
#include "observe/capture_request.h"
#include "observe/watch.h"

namespace podwarp {

class CaptureStream final : public ApiStream {
 public:
  // All pointers outlive it. Errors: those of ParseCaptureRequest() and Watch::OpenCapture(), and
  // Unavailable (podwarp is stopping).
  static absl::StatusOr<std::unique_ptr<ApiStream>> Open(const ApiParameters& parameters,
                                                         const Node* node, Watch* watch,
                                                         ControlLoop* loop);
  ~CaptureStream() override;

  std::string_view content_type() const override { return "application/x-pcapng"; }
  std::optional<std::string> Next(absl::Duration wait) override;

 private:
  struct Copy {
    CaptureRecord record;
    size_t begin;  // of its bytes, in bytes_
  };

  CaptureStream(const CaptureRequest& request, std::shared_ptr<CaptureSession> session,
                const Node* node, Watch* watch, ControlLoop* loop);

  std::string Begin() const;
  // What there is at the moment, in the order of time; not more than is wanted.
  void Take();
  // What was taken. Empty if podwarp is stopping, or whom it is of has gone, which is the end.
  std::string Tell();
  void TellLost(std::string* out);

  const WatchRequest request_;
  const std::shared_ptr<CaptureSession> session_;
  const std::string node_name_;
  Watch& watch_;
  ControlLoop& loop_;
  CaptureInterfaces interfaces_;
  uint64_t left_;         // frames that are wanted yet
  const absl::Time end_;  // of ControlLoop's time, as is the next
  absl::Time lost_told_at_ = absl::InfinitePast();
  uint64_t lost_told_ = 0;
  std::vector<Copy> copies_;
  std::vector<std::byte> bytes_;
  bool has_begun_ = false;
  bool is_over_ = false;
};

}  // namespace podwarp
