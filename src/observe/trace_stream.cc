// Theory of operation
//
// Workers write into rings and wake nobody: this thread looks at the rings every few milliseconds.
// When the last frame that counts has been told, what was made in answer to it may still be on its
// way, since a frame is told as it ends. All of it ends in the same round of its worker, so that it
// comes within a moment.
#include "observe/trace_stream.h"

#include <rte_cycles.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "observe/trace_text.h"

namespace podwarp {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(5);
// For the answers to the last frame.
constexpr absl::Duration kMoment = absl::Milliseconds(100);
// As many as the control thread puts into words before it sees to its other duties.
constexpr size_t kAtOnce = 64;
// Frames that answers may still come to.
constexpr size_t kRemembered = 1'024;

}  // namespace

absl::StatusOr<std::unique_ptr<ApiStream>> TraceStream::Open(const ApiParameters& parameters,
                                                             const Node* node, Watch* watch,
                                                             ControlLoop* loop) {
  const absl::StatusOr<TraceQuery> query = ParseTraceQuery(parameters);
  if (!query.ok()) return query.status();
  absl::StatusOr<std::shared_ptr<TraceSession>> session =
      absl::UnavailableError("podwarp is stopping");
  loop->Call([&] { session = watch->OpenTrace(query->watch, query->filter); });
  if (!session.ok()) return session.status();
  // Not make_unique: the constructor is private.
  return std::unique_ptr<ApiStream>(
      new TraceStream(*query, *std::move(session), node, watch, loop));
}

TraceStream::TraceStream(const TraceQuery& query, std::shared_ptr<TraceSession> session,
                         const Node* node, Watch* watch, ControlLoop* loop)
    : request_(query.watch),
      session_(std::move(session)),
      node_(*node),
      watch_(*watch),
      loop_(*loop),
      most_(query.count == 0 ? UINT64_MAX : query.count),
      end_(ControlLoop::Now() + query.seconds) {}

TraceStream::~TraceStream() {
  loop_.Call([&] { watch_.Close(session_); });
}

bool TraceStream::Count(const TraceRecord& record) {
  const bool is_answer =
      record.cause != 0 && std::find(last_told_.rbegin(), last_told_.rend(),
                                     Id(record.worker, record.cause)) != last_told_.rend();
  if (!is_answer && told_ == most_) return false;
  if (!is_answer && ++told_ == most_) end_ = std::min(end_, ControlLoop::Now() + kMoment);
  last_told_.emplace_back(record.worker, record.number);
  if (last_told_.size() > kRemembered) last_told_.pop_front();
  return true;
}

TraceStream::Taken TraceStream::Take() {
  Taken taken;
  TraceRecord record;
  while (taken.records.size() < kAtOnce) {
    taken.is_all = !session_->Take(&record);
    if (taken.is_all) break;
    if (Count(record)) taken.records.push_back(record);
  }
  return taken;
}

std::string TraceStream::Tell(const std::vector<TraceRecord>& records) {
  std::string lines;
  const TraceFilter& filter = session_->filter();
  bool is_still = false;
  loop_.Call([&] {
    is_still = watch_.IsStill(request_, filter.pod.has_value() ? filter.pod->port : filter.ingress);
    if (!is_still) return;
    const absl::Time now = absl::Now();
    const uint64_t tsc = rte_rdtsc();
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    for (const TraceRecord& record : records) {
      const auto passed = static_cast<int64_t>(tsc - record.received);
      const absl::Time received = now - absl::Seconds(static_cast<double>(passed) / hz);
      absl::StrAppend(&lines, TraceToJson(record, received, node_).dump(), "\n");
    }
  });
  is_over_ = !is_still;
  return lines;
}

std::optional<std::string> TraceStream::Next(absl::Duration wait) {
  const absl::Time until = ControlLoop::Now() + wait;
  while (!is_over_) {
    if (has_all_) return TellLost();
    const absl::Time now = ControlLoop::Now();
    const Taken taken = Take();
    // What comes while the rest is told comes too late.
    has_all_ = now >= end_ && taken.is_all;
    if (!taken.records.empty()) return Tell(taken.records);
    if (has_all_) continue;
    if (now >= until) return "";
    absl::SleepFor(std::min({kPause, until - now, end_ - now}));
  }
  return std::nullopt;
}

std::optional<std::string> TraceStream::TellLost() {
  is_over_ = true;
  const uint64_t lost = session_->lost();
  if (lost == 0) return std::nullopt;
  return absl::StrCat(nlohmann::ordered_json{{"lost", lost}}.dump(), "\n");
}

}  // namespace podwarp
