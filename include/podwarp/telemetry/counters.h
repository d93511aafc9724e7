// What workers count. Each worker has a WorkerCounters of its own and is its only writer; any
// thread may read at any time and sees each number whole, though not all of them of one moment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

// A number with one writer: adding is a plain load and store, not a locked instruction.
class Counter {
 public:
  void Add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct PortCounters {
  Counter received_frames;
  Counter received_bytes;
  Counter transmitted_frames;
  Counter transmitted_bytes;
  Counter dropped_frames;  // that came in by this port, or were to leave by it
};

// Every frame is accounted for: at the end of each round, summed over all ports,
//   received + originated = transmitted + consumed + dropped.
struct alignas(64) WorkerCounters {
  std::vector<PortCounters> ports = std::vector<PortCounters>(kMaxPorts);
  std::array<Counter, kDropReasons> drops;
  std::array<std::atomic<PortId>, kDropReasons> last_drop_port{};  // meaningless while drops is 0
  Counter originated;  // ICMP, announcements, fragments, segments: what podwarp made itself
  Counter consumed;    // ended in podwarp: an ARP reply it waited for, a frame cut into others
  Counter arp_answers;
  Counter icmp_errors;
  Counter tcp_resets;
  Counter translated;  // frames to and from services
  Counter events_lost;  // the control thread was too slow for them

  Counter rounds;
  Counter bursts;
  Counter cycles_busy;      // TSC cycles of rounds that had frames
  Counter cycles_idle;      // of rounds that had none
  Counter cycles_sleeping;  // asleep
  Counter sleeps;
};

}  // namespace podwarp
