#include "observe/trace_text.h"

#include <rte_cycles.h>

#include <cmath>

#include "observe/frame_text.h"
#include "observe/names.h"
#include "observe/step_text.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

using Json = nlohmann::ordered_json;

double Microseconds(uint32_t cycles) {
  const double all = 1e6 * cycles / static_cast<double>(rte_get_tsc_hz());
  return std::round(100 * all) / 100;
}

Json StepToJson(const TraceRecord& record, size_t i, const Node& node) {
  const TraceStep& step = record.steps[i];
  return {{"stage", Name(step.stage)},
          {"verdict", Name(step.verdict)},
          {"microseconds", Microseconds(step.cycles)},
          {"text", StepText(record, i, node)}};
}

// Where it left, or died: the port for which that is counted.
PortId EndPort(const TraceRecord& record) {
  const TraceStep& end = record.steps[record.step_count - 1];
  return end.verdict == TraceVerdict::kDropped && end.port == kNoPort ? record.port : end.port;
}

void AddPort(Json* json, const char* port_key, const char* pod_key, PortId port, const Node& node) {
  if (port == kNoPort) return;
  (*json)[port_key] = NameOfPort(node, port);
  const std::string pod = PodBehind(node, port);
  if (!pod.empty()) (*json)[pod_key] = pod;
}

}  // namespace

Json TraceToJson(const TraceRecord& record, absl::Time received, const Node& node) {
  Json json = {{"id", TraceId(record.worker, record.number)}};
  if (record.cause != 0) json["cause"] = TraceId(record.worker, record.cause);
  json["lcore"] = record.worker + 1;  // lcore 0 is the control thread
  json["time"] = absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6S%Ez", received, absl::LocalTimeZone());
  AddPort(&json, "port", "pod", record.port, node);
  json["frame"] = FrameText({record.headers, record.header_bytes}, record.frame_bytes);
  // It had gone some way already before it was looked at.
  if (record.is_partial) json["partial"] = true;
  json["steps"] = Json::array();
  for (size_t i = 0; i < record.step_count; ++i)
    json["steps"].push_back(StepToJson(record, i, node));
  const TraceStep& end = record.steps[record.step_count - 1];
  json["end"] = Name(end.verdict);
  if (end.verdict == TraceVerdict::kDropped) {
    json["reason"] = Name(end.reason);
    json["help"] = Help(end.reason);
  }
  AddPort(&json, "at_port", "at_pod", EndPort(record), node);
  return json;
}

}  // namespace podwarp
