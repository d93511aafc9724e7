// A trace as the API's stream: a line of JSON for each frame, as TraceToJson() tells it.
//
// What podwarp made in answer to a frame that was told, or cut from it, is told as well, and isn't
// counted. The stream ends with {"lost": N} if there was no room for N traces.
//
// Thread rule: that of ApiStream. Names are asked of the control thread, and the trace is opened
// and closed there.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/backend.h"
#include "control/control_loop.h"
#include "control/node.h"
#include "observe/trace_query.h"
#include "observe/watch.h"

namespace podwarp {

class TraceStream final : public ApiStream {
 public:
  // All outlive it. Errors: those of ParseTraceQuery() and Watch::OpenTrace(), and Unavailable
  // (podwarp is stopping).
  static absl::StatusOr<std::unique_ptr<ApiStream>> Open(const ApiParameters& parameters,
                                                         const Node* node, Watch* watch,
                                                         ControlLoop* loop);
  ~TraceStream() override;

  std::string_view content_type() const override { return "application/x-ndjson"; }
  std::optional<std::string> Next(absl::Duration wait) override;

 private:
  using Id = std::pair<uint16_t, uint64_t>;  // worker and number

  TraceStream(const TraceQuery& query, std::shared_ptr<TraceSession> session, const Node* node,
              Watch* watch, ControlLoop* loop);

  // What there is at the moment, as far as it is to be told; a part of it if it is much.
  struct Taken {
    std::vector<TraceRecord> records;
    bool is_all = false;
  };
  Taken Take();
  // Whether it is to be told. Counts it.
  bool Count(const TraceRecord& record);
  // Empty if podwarp is stopping, or whom it is of has gone, which is the end.
  std::string Tell(const std::vector<TraceRecord>& records);
  std::optional<std::string> TellLost();

  const WatchRequest request_;
  const std::shared_ptr<TraceSession> session_;
  const Node& node_;
  Watch& watch_;
  ControlLoop& loop_;
  const uint64_t most_;  // frames that count
  absl::Time end_;       // of ControlLoop's time
  uint64_t told_ = 0;
  std::deque<Id> last_told_;  // of which the first ones are forgotten
  bool has_all_ = false;      // no more records are wanted
  bool is_over_ = false;
};

}  // namespace podwarp
