// What workers count. Each worker has a WorkerCounters of its own and is its only writer; any
// thread may read at any time and sees each number whole, though not all of them of one moment.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/stage.h"
#include "podwarp/table/port_id.h"
#include "podwarp/telemetry/counter.h"
#include "podwarp/telemetry/latency_histogram.h"

namespace podwarp {

struct PortCounters {
  Counter received_frames;
  Counter received_bytes;
  Counter transmitted_frames;
  Counter transmitted_bytes;
};

// Of one burst in kTimedEvery only: a look at the clock costs as much as forwarding a frame does.
struct StageCounters {
  Counter bursts;  // that had frames
  Counter frames;
  Counter cycles;
};
inline constexpr uint32_t kTimedEvery = 64;

// Every frame is accounted for: at the end of each round, summed over all ports,
//   received + originated = transmitted + consumed + dropped.
struct alignas(64) WorkerCounters {
  std::vector<PortCounters> ports = std::vector<PortCounters>(kMaxPorts);
  // Of frames that came in by a port, or were to leave by it: DropsOf(). Of those of no port, that
  // podwarp made: drops_of_no_port.
  std::vector<Counter> port_drops = std::vector<Counter>(size_t{kMaxPorts} * kDropReasons);
  std::array<Counter, kDropReasons> drops_of_no_port;
  std::array<Counter, kDropReasons> drops;                         // of all
  std::array<std::atomic<PortId>, kDropReasons> last_drop_port{};  // meaningless while drops is 0
  Counter originated;  // ICMP, announcements, fragments, segments: what podwarp made itself
  Counter consumed;    // ended in podwarp: an ARP reply it waited for, a frame cut into others
  Counter arp_answers;
  Counter icmp_errors;
  Counter tcp_resets;
  Counter translated;   // frames to and from services
  Counter events_lost;  // the control thread was too slow for them

  Counter rounds;
  Counter bursts;
  Counter cycles_busy;      // TSC cycles of rounds that had frames
  Counter cycles_idle;      // of rounds that had none
  Counter cycles_sleeping;  // asleep
  Counter sleeps;

  std::array<StageCounters, kStages> stages;
  // From when Port::Receive() gave a frame to when Port::Transmit() had taken it: of one frame of
  // each timed burst.
  LatencyHistogram latency;

  Counter& DropsOf(PortId port, DropReason reason) {
    const auto index = static_cast<size_t>(reason);
    return port == kNoPort ? drops_of_no_port[index] : port_drops[port * kDropReasons + index];
  }
  const Counter& DropsOf(PortId port, DropReason reason) const {
    return const_cast<WorkerCounters*>(this)->DropsOf(port, reason);
  }
};

}  // namespace podwarp
