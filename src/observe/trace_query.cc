#include "observe/trace_query.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

absl::Status SetName(const std::string& value, std::string* name) {
  if (value.empty()) return absl::InvalidArgumentError("is empty; expected a name");
  *name = value;
  return absl::OkStatus();
}

absl::Status SetDrop(const std::string& value, TraceFilter* filter) {
  filter->any_drop = value == "any";
  if (filter->any_drop) return absl::OkStatus();
  const absl::StatusOr<DropReason> reason = FindDropReason(value);
  if (reason.ok()) filter->drop = *reason;
  return reason.status();
}

absl::Status SetSeconds(const std::string& value, absl::Duration* duration) {
  double seconds;
  if (!absl::SimpleAtod(value, &seconds) || !std::isfinite(seconds) || seconds <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", value, "' is no time; expected seconds above 0"));
  }
  *duration = absl::Seconds(seconds);
  return absl::OkStatus();
}

absl::Status Set(const std::string& name, const std::string& value, TraceQuery* query) {
  if (name == "pod") return SetName(value, &query->watch.pod);
  if (name == "port") return SetName(value, &query->watch.port);
  if (name == "drop") return SetDrop(value, &query->filter);
  if (name == "seconds") return SetSeconds(value, &query->seconds);
  if (name == "ip") {
    const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(value);
    if (address.ok()) query->filter.address = *address;
    return address.status();
  }
  if (name == "count") {
    const absl::StatusOr<uint32_t> count = ParseIntegerIn(value, 0, UINT32_MAX);
    if (count.ok()) query->count = *count;
    return count.status();
  }
  return absl::InvalidArgumentError(
      "unknown parameter (known: pod, ip, port, drop, count, seconds)");
}

}  // namespace

absl::StatusOr<TraceQuery> ParseTraceQuery(const ApiParameters& parameters) {
  TraceQuery query;
  for (const auto& [name, value] : parameters) {
    const absl::Status status = Set(name, value, &query);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(name, ": ", std::string(status.message())));
    }
  }
  return query;
}

}  // namespace podwarp
