// What has been counted for each port since it was added. Workers count by a port's number, which
// becomes another port's after the first one's removal, and never start anew.
//
// Thread rule: the control thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "control/worker_set.h"
#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

struct PortTotals {
  uint64_t received_frames = 0;
  uint64_t received_bytes = 0;
  uint64_t transmitted_frames = 0;
  uint64_t transmitted_bytes = 0;
  std::array<uint64_t, kDropReasons> drops{};  // by DropReason
};

class PortTotalsTable {
 public:
  // The number is this port's from now on. REQUIRES: no worker counts for it at the moment.
  void Begin(PortId port, const WorkerSet& workers);
  // By one worker.
  PortTotals Of(PortId port, const WorkerSet& workers, size_t worker) const;

 private:
  // Of numbers that had been another port's: what each worker had counted for that one.
  std::map<PortId, std::vector<PortTotals>> before_;
};

}  // namespace podwarp
