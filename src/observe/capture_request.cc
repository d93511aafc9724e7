#include "observe/capture_request.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "observe/bpf_filter.h"

namespace podwarp {
namespace {

constexpr uint32_t kLeastSnapBytes = 64;
constexpr uint32_t kMostSnapBytes = 65'535;

absl::Status ParseWorker(const std::string& value, uint16_t workers, CaptureFilter* filter) {
  const absl::StatusOr<uint32_t> lcore = ParseIntegerIn(value, 1, workers);
  if (!lcore.ok()) return lcore.status();
  filter->worker = static_cast<uint16_t>(*lcore - 1);  // lcore 0 is the control thread
  return absl::OkStatus();
}

absl::Status ParseSeconds(const std::string& value, absl::Duration* seconds) {
  double number = 0;
  if (!absl::SimpleAtod(value, &number) || !std::isfinite(number) || number <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not a number above 0"));
  }
  *seconds = absl::Seconds(number);
  return absl::OkStatus();
}

template <typename To, typename From>
absl::Status Store(const absl::StatusOr<From>& parsed, To* to) {
  if (parsed.ok()) *to = *parsed;
  return parsed.status();
}

absl::Status Parse(const std::string& name, const std::string& value, uint16_t workers,
                   CaptureRequest* request) {
  if (name == "pod") return Store(absl::StatusOr<std::string>(value), &request->watch.pod);
  if (name == "port") return Store(absl::StatusOr<std::string>(value), &request->watch.port);
  if (name == "worker") return ParseWorker(value, workers, &request->filter);
  if (name == "drops") return Store(ParseBool(value), &request->filter.drops_only);
  if (name == "filter") return Store(CompileFilter(value), &request->filter.program);
  if (name == "snap_bytes") {
    return Store(ParseIntegerIn(value, kLeastSnapBytes, kMostSnapBytes),
                 &request->filter.snap_bytes);
  }
  if (name == "count") return Store(ParseIntegerIn(value, 0, UINT32_MAX), &request->count);
  if (name == "seconds") return ParseSeconds(value, &request->seconds);
  return absl::InvalidArgumentError(
      "unknown parameter (known: pod, port, worker, drops, filter, snap_bytes, count, seconds)");
}

}  // namespace

absl::StatusOr<CaptureRequest> ParseCaptureRequest(const ApiParameters& parameters,
                                                   uint16_t workers) {
  CaptureRequest request;
  for (const auto& [name, value] : parameters) {
    const absl::Status status = Parse(name, value, workers, &request);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", std::string(status.message())));
    }
  }
  return request;
}

}  // namespace podwarp
