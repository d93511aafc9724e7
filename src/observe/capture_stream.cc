// Theory of operation
//
// Workers write copies into rings and wake nobody: this thread looks at the rings every few
// milliseconds. What it finds at once it puts into the order of time; of two workers, a copy that
// is published late may still come behind younger ones of the look before.
#include "observe/capture_stream.h"

#include <rte_cycles.h>
#include <sys/utsname.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "observe/pcapng.h"

namespace podwarp {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(5);
// Of copies, before they are sent.
constexpr size_t kPartBytes = 1 << 20;
constexpr absl::Duration kLostEvery = absl::Seconds(1);

PcapngDirection DirectionOf(const CaptureRecord& record) {
  return record.is_leaving ? PcapngDirection::kOutbound : PcapngDirection::kInbound;
}

std::string CommentOf(const CaptureRecord& record, const CaptureInterfaces::Interface& interface) {
  if (record.point != CapturePoint::kDropped) return "";
  return absl::StrCat("dropped: ", std::string(Name(record.reason)), " (",
                      std::string(Help(record.reason)), "); ",
                      interface.port.empty() ? "" : absl::StrCat("port ", interface.port, ", "),
                      interface.pod.empty() ? "" : absl::StrCat("pod ", interface.pod, ", "),
                      "stage ", std::string(Name(record.stage)));
}

// The TSC and the wall clock at one moment. Anew for each look: they don't run alike for ever.
class Clocks {
 public:
  int64_t UnixNs(uint64_t tsc) const {
    const auto passed = static_cast<double>(static_cast<int64_t>(tsc_ - tsc));
    return unix_ns_ - static_cast<int64_t>(passed * 1e9 / hz_);
  }

 private:
  const int64_t unix_ns_ = absl::GetCurrentTimeNanos();
  const uint64_t tsc_ = rte_rdtsc();
  const double hz_ = static_cast<double>(rte_get_tsc_hz());
};

}  // namespace

absl::StatusOr<std::unique_ptr<ApiStream>> CaptureStream::Open(const ApiParameters& parameters,
                                                               const Node* node, Watch* watch,
                                                               ControlLoop* loop) {
  const absl::StatusOr<CaptureRequest> request =
      ParseCaptureRequest(parameters, static_cast<uint16_t>(node->workers().size()));
  if (!request.ok()) return request.status();
  absl::StatusOr<std::shared_ptr<CaptureSession>> session =
      absl::UnavailableError("podwarp is stopping");
  loop->Call([&] { session = watch->OpenCapture(request->watch, request->filter); });
  if (!session.ok()) return session.status();
  // Not make_unique: the constructor is private.
  return std::unique_ptr<ApiStream>(
      new CaptureStream(*request, *std::move(session), node, watch, loop));
}

CaptureStream::CaptureStream(const CaptureRequest& request, std::shared_ptr<CaptureSession> session,
                             const Node* node, Watch* watch, ControlLoop* loop)
    : request_(request.watch),
      session_(std::move(session)),
      node_name_(node->config().node_name),
      watch_(*watch),
      loop_(*loop),
      interfaces_(node, request.filter.snap_bytes),
      left_(request.count == 0 ? UINT64_MAX : request.count),
      end_(ControlLoop::Now() + request.seconds) {}

CaptureStream::~CaptureStream() {
  loop_.Call([&] { watch_.Close(session_); });
}

std::string CaptureStream::Begin() const {
  utsname system = {};
  uname(&system);
  std::string out;
  AppendSection({.hardware = system.machine,
                 .os = absl::StrCat(system.sysname, " ", system.release),
                 .application = "podwarp " PODWARP_VERSION,
                 .comment = absl::StrCat("node ", node_name_)},
                &out);
  return out;
}

std::optional<std::string> CaptureStream::Next(absl::Duration wait) {
  if (!has_begun_) {
    has_begun_ = true;
    return Begin();
  }
  const absl::Time until = ControlLoop::Now() + wait;
  while (!is_over_) {
    const absl::Time now = ControlLoop::Now();
    Take();
    // More than one part's worth is told before the time is over, even if that is late.
    is_over_ = left_ == 0 || (now >= end_ && bytes_.size() < kPartBytes);
    std::string part = Tell();
    if (is_over_ || now - lost_told_at_ >= kLostEvery) TellLost(&part);
    if (!part.empty()) return part;
    if (is_over_) break;
    if (now >= until) return "";
    absl::SleepFor(std::min({kPause, until - now, end_ - now}));
  }
  return std::nullopt;
}

void CaptureStream::Take() {
  copies_.clear();
  bytes_.clear();
  session_->ForEach([&](const CaptureRecord& record, std::span<const std::byte> bytes) {
    copies_.push_back({.record = record, .begin = bytes_.size()});
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return copies_.size() < left_ && bytes_.size() < kPartBytes;
  });
  left_ -= copies_.size();
  std::stable_sort(copies_.begin(), copies_.end(),
                   [](const Copy& a, const Copy& b) { return a.record.tsc < b.record.tsc; });
}

std::string CaptureStream::Tell() {
  std::string out;
  if (copies_.empty()) return out;
  std::set<PortId> ports;
  for (const Copy& copy : copies_) ports.insert(copy.record.port);
  bool is_still = false;
  loop_.Call([&] {
    is_still = watch_.IsStill(request_, session_->filter().port);
    if (!is_still) return;
    for (const PortId port : ports) interfaces_.Describe(port, &out);
  });
  if (!is_still) {
    is_over_ = true;
    return "";
  }
  const Clocks clocks;
  for (const auto& [record, begin] : copies_) {
    const CaptureInterfaces::Interface& interface = interfaces_.Of(record.port);
    AppendPacket({.interface = interface.number,
                  .unix_ns = clocks.UnixNs(record.tsc),
                  .frame_bytes = record.frame_bytes,
                  .bytes = {bytes_.data() + begin, record.captured_bytes},
                  .direction = DirectionOf(record),
                  .comment = CommentOf(record, interface)},
                 &out);
  }
  return out;
}

void CaptureStream::TellLost(std::string* out) {
  lost_told_at_ = ControlLoop::Now();
  const uint64_t lost = session_->lost();
  if (lost == lost_told_) return;
  // What was lost may be of a port that nothing came through of: somebody must be the first.
  if (interfaces_.empty() && !loop_.Call([&] { interfaces_.Describe(kNoPort, out); })) return;
  lost_told_ = lost;
  AppendStatistics({.interface = 0,
                    .unix_ns = absl::GetCurrentTimeNanos(),
                    .dropped = lost,
                    .comment = "copies of frames of all interfaces that there was no room for"},
                   out);
}

}  // namespace podwarp
