#include "observe/rehearsal.h"

#include <rte_cycles.h>

#include <algorithm>

namespace podwarp {

// No limit of a rate is the node's: what it lets pass now it may not a moment later.
Rehearsal::Rehearsal(Tables* tables, rte_mempool* pool)
    : connections_(&rcu_, &tables->connections),
      context_{.worker = 0,
               .tables = *tables,
               .counters = counters_,
               .events = events_,
               .pool = pool,
               .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()},
               .is_rehearsal = true,
               .connections = &connections_},
      session_(std::make_shared<TraceSession>(TraceFilter(), /*workers=*/1, std::nullopt)),
      observers_{.traces = {session_}, .captures = {}} {}

std::vector<TraceRecord> Rehearsal::Play(PortId port, rte_mbuf* frame) {
  pipeline_.Rehearse(rte_rdtsc(), port, frame, &observers_);
  std::vector<TraceRecord> records;
  for (TraceRecord record; session_->Take(&record);) records.push_back(record);
  std::sort(records.begin(), records.end(),
            [](const TraceRecord& a, const TraceRecord& b) { return a.number < b.number; });
  return records;
}

}  // namespace podwarp
