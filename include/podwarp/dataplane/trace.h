// Following single frames through the stages: what each has come to, as plain numbers. Workers
// write them down, others put them into words (observe/trace_text.h).
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/rate_limiter.h"
#include "podwarp/dataplane/record_ring.h"
#include "podwarp/dataplane/stage.h"
#include "podwarp/net/flow_key.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/adjacency_table.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

enum class TraceVerdict : uint8_t {
  kPassed,    // goes on to the next step's stage
  kDropped,   // with `reason`
  kConsumed,  // podwarp was whom it was for, or it lives on in others (TraceRecord::cause)
  kSent,      // the port has taken it; in a rehearsal: would be handed to it
};

// What a stage has done with a frame: how the frame stands after it.
struct TraceStep {
  Stage stage;
  TraceVerdict verdict;
  DropReason reason;  // kDropped
  uint8_t time_to_live;
  uint32_t cycles;  // TSC, since the frame was received
  PortId port;      // by which it leaves, or was to: from Transmit on; else kNoPort
  bool is_relayed;  // the node sends it on in its own name
  // What its destination was routed to, from Route on; else kNone with index kNoAdjacency. The
  // adjacency may be another one by the time this is read, the kind and port are those of then.
  NextHopKind kind;
  AdjacencyIndex adjacency;
  PortId next_hop_port;  // the adjacency's
  uint16_t mtu_bytes;    // the adjacency's
  uint16_t ether_type;   // host order, behind a VLAN tag; 0 if the frame is too short for one
  MacAddress destination_mac;
  MacAddress source_mac;
  // IPv4: addresses and protocol, ports of TCP, UDP and SCTP where there are any. Else all zero.
  FlowKey flow;
};

inline constexpr size_t kMaxTraceSteps = 20;
inline constexpr size_t kTraceHeaderBytes = 128;

// In a RecordRing only as many steps are written as there are.
struct TraceRecord {
  uint64_t number;    // counts the frames that the worker has followed, from 1 on
  uint64_t cause;     // of the frame that this one was made in answer to, or cut from; 0: received
  uint64_t received;  // TSC: when it came in, or was made
  uint32_t frame_bytes;
  uint16_t worker;
  PortId port;            // by which it came in; kNoPort: podwarp made it
  uint16_t header_bytes;  // how much of `headers` there is
  uint8_t step_count;     // at least 1
  bool is_partial;        // followed for the last step only: it was not chosen when it came in
  uint8_t headers[kTraceHeaderBytes];  // as received or made; partial: as they stand at the end
  TraceStep steps[kMaxTraceSteps];
};
inline constexpr size_t TraceRecordBytes(size_t steps) {
  return offsetof(TraceRecord, steps) + steps * sizeof(TraceStep);
}

// Which frames are to be followed: those of which all is true that is set.
struct TraceFilter {
  PortId ingress = kNoPort;  // came in by this port
  // Came in by the pod's port, or has one of its addresses.
  struct Pod {
    PortId port = kNoPort;
    std::vector<Ipv4Address> addresses;
  };
  std::optional<Pod> pod;
  std::optional<Ipv4Address> address;  // source or destination, of IPv4 or ARP
  std::optional<DropReason> drop;      // ended so
  bool any_drop = false;               // was dropped, whatever the reason

  // All but how it ends. `port`: by which it came in.
  bool MayMatch(PortId port, rte_mbuf* frame) const;
  bool depends_on_end() const { return any_drop || drop.has_value(); }
  bool WantsDrop(DropReason reason) const { return any_drop || drop == reason; }
};

// Somebody who wants to see frames. Every frame that matches is followed as long as the rate
// allows. Where it depends on the end, frames that end as wanted and weren't followed are told by
// their end only, at a rate of their own.
//
// Thread rule: the constructor's caller publishes it through Observers; then worker i alone uses
// workers()[i]'s writer's side, and one thread reads.
class TraceSession {
 public:
  // Of a worker: frames that are told, and those that are followed if it depends on their end.
  static constexpr uint64_t kFramesPerSecond = 1'000;
  static constexpr uint64_t kTriesPerSecond = 10'000;
  static constexpr size_t kRingBytes = size_t{1} << 19;

  struct PerWorker {
    RecordRing ring{kRingBytes};  // of TraceRecord
    RateLimiter followed;
    RateLimiter partial;
  };

  // `clock_hz` is the TSC's. Without a rate all are followed.
  TraceSession(TraceFilter filter, uint16_t workers, std::optional<uint64_t> clock_hz);

  const TraceFilter& filter() const { return filter_; }
  const Rate& rate() const { return rate_; }
  const Rate& partial_rate() const { return partial_rate_; }
  PerWorker& worker(uint16_t i) { return workers_[i]; }
  uint16_t workers() const { return static_cast<uint16_t>(workers_.size()); }

  // The reader: the next record, by workers in turn; false if there is none.
  bool Take(TraceRecord* record);
  uint64_t lost() const;  // any thread

 private:
  const TraceFilter filter_;
  const Rate rate_;
  const Rate partial_rate_;
  std::vector<PerWorker> workers_;
  size_t next_ = 0;  // the reader's: whose turn it is
};

}  // namespace podwarp
