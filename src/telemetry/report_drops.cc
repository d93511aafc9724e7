// Which frames died, and whose they were.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

void AddOnce(std::string name, std::vector<std::string>* names) {
  if (std::find(names->begin(), names->end(), name) == names->end()) {
    names->push_back(std::move(name));
  }
}

}  // namespace

std::string NameOfPort(const Node& node, PortId id) {
  if (id == kNoPort) return "no port";
  const Port* port = id < kMaxPorts ? node.tables().ports.Get(id) : nullptr;
  return port == nullptr ? absl::StrCat("port ", id, " (gone)") : port->settings().name;
}

DropReport ReportDrop(const Node& node, DropReason reason) {
  DropReport report{.reason = reason};
  const auto index = static_cast<size_t>(reason);
  for (size_t i = 0; i < node.workers().size(); ++i) {
    const WorkerCounters& counters = node.workers()[i].counters();
    const uint64_t frames = counters.drops[index].value();
    if (frames == 0) continue;
    report.frames += frames;
    const PortId id = counters.last_drop_port[index].load(std::memory_order_relaxed);
    // Its number may be another port's by now, that has dropped nothing for this reason.
    if (id < kMaxPorts && node.tables().ports.Get(id) != nullptr &&
        node.TotalsOf(id, i).drops[index] == 0) {
      AddOnce(absl::StrCat("port ", id, " (gone)"), &report.last_ports);
      continue;
    }
    AddOnce(NameOfPort(node, id), &report.last_ports);
    const Pod* pod = id < kMaxPorts ? node.tables().pods.Get(id) : nullptr;
    if (pod != nullptr) AddOnce(pod->name, &report.last_pods);
  }
  return report;
}

absl::StatusOr<DropReason> FindDropReason(std::string_view name) {
  for (size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (Name(reason) == name) return reason;
  }
  return absl::NotFoundError(absl::StrCat("there is no drop reason '", std::string(name), "'"));
}

}  // namespace podwarp
