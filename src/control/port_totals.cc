#include "control/port_totals.h"

namespace podwarp {
namespace {

PortTotals Read(const WorkerCounters& counters, PortId port) {
  const PortCounters& frames = counters.ports[port];
  PortTotals totals;
  totals.received_frames = frames.received_frames.value();
  totals.received_bytes = frames.received_bytes.value();
  totals.transmitted_frames = frames.transmitted_frames.value();
  totals.transmitted_bytes = frames.transmitted_bytes.value();
  for (size_t i = 0; i < kDropReasons; ++i) {
    totals.drops[i] = counters.DropsOf(port, static_cast<DropReason>(i)).value();
  }
  return totals;
}

}  // namespace

void PortTotalsTable::Begin(PortId port, const WorkerSet& workers) {
  std::vector<PortTotals>& before = before_[port];
  before.clear();
  for (size_t i = 0; i < workers.size(); ++i) before.push_back(Read(workers[i].counters(), port));
}

PortTotals PortTotalsTable::Of(PortId port, const WorkerSet& workers, size_t worker) const {
  PortTotals totals = Read(workers[worker].counters(), port);
  const auto found = before_.find(port);
  if (found == before_.end()) return totals;
  const PortTotals& before = found->second[worker];
  totals.received_frames -= before.received_frames;
  totals.received_bytes -= before.received_bytes;
  totals.transmitted_frames -= before.transmitted_frames;
  totals.transmitted_bytes -= before.transmitted_bytes;
  for (size_t i = 0; i < kDropReasons; ++i) totals.drops[i] -= before.drops[i];
  return totals;
}

}  // namespace podwarp
