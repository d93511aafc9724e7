#include "text/trace.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "text/fields.h"
#include "text/table.h"

namespace podwarp::ctl {
namespace {

// "14:03:07.123456" of RFC 3339's 2026-11-23T14:03:07.123456+00:00.
std::string TimeOfDay(const std::string& time) {
  constexpr size_t kDate = sizeof("2026-11-23T") - 1, kTime = sizeof("14:03:07.123456") - 1;
  return time.size() < kDate ? time : time.substr(kDate, kTime);
}

std::string Headline(const Json& trace) {
  const std::string cause = Text(trace, "cause");
  return absl::StrCat(TimeOfDay(Text(trace, "time")), " #", Text(trace, "id"),
                      cause.empty() ? "" : absl::StrCat(" of #", cause), " ", Text(trace, "frame"));
}

// "DROPPED spoofed_ip: source address isn't the pod's (pod default/web-1)"
std::string DropText(const Json& trace) {
  const std::string pod = Text(trace, "at_pod"), port = Text(trace, "at_port");
  std::string where;
  if (!pod.empty()) {
    where = absl::StrCat(" (pod ", pod, ")");
  } else if (!port.empty()) {
    where = absl::StrCat(" (port ", port, ")");
  }
  return absl::StrCat("DROPPED ", Text(trace, "reason"), ": ", Text(trace, "help"), where);
}

}  // namespace

void PrintTrace(const Json& trace, std::ostream* out) {
  *out << Printable(Headline(trace)) << '\n';
  if (Flag(trace, "partial")) *out << "  ...\n";  // its way up to there is not known
  const Json& steps = Field(trace, "steps");
  const size_t count = steps.is_array() ? steps.size() : 0;
  for (size_t i = 0; i < count; ++i) {
    const Json& step = steps[i];
    const bool is_last = i + 1 == count;
    std::string text =
        is_last && Text(trace, "end") == "dropped" ? DropText(trace) : Text(step, "text");
    if (is_last && i > 0) absl::StrAppendFormat(&text, " (%.1f us)", Real(step, "microseconds"));
    *out << Printable(absl::StrFormat("  %-17s  %s", Text(step, "stage"), text)) << '\n';
  }
}

}  // namespace podwarp::ctl
