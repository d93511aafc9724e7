// Copies of frames as they come in, leave and die, for whoever wants to look at them.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "podwarp/dataplane/drop_reason.h"
#include "podwarp/dataplane/record_ring.h"
#include "podwarp/dataplane/stage.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

enum class CapturePoint : uint8_t {
  kReceived,     // as the port gave it
  kTransmitted,  // as the port took it
  kDropped,      // as it stood then
};

// In a RecordRing `captured_bytes` of the frame follow. A VLAN tag that a device has stripped, or
// is to insert, stands in them.
struct CaptureRecord {
  uint64_t tsc;
  uint32_t frame_bytes;  // of the whole frame
  uint32_t captured_bytes;
  PortId port;  // kDropped: where it came in or was to leave; kNoPort: podwarp made it
  uint16_t worker;
  CapturePoint point;
  DropReason reason;  // kDropped
  Stage stage;        // kDropped: where
  bool is_leaving;    // kDropped: `port` is the one by which it was to leave
};
static_assert(sizeof(CaptureRecord) % 8 == 0);

// A program over a frame's bytes. `run` is called by all workers at once, for frames whose stripped
// VLAN tags it doesn't see.
struct FrameProgram {
  bool (*run)(const void* program, rte_mbuf* frame);
  std::shared_ptr<const void> program;
};

struct CaptureFilter {
  PortId port = kNoPort;           // kNoPort: any
  std::optional<uint16_t> worker;  // unset: any
  bool drops_only = false;
  std::optional<FrameProgram> program;
  uint32_t snap_bytes = 65'535;  // of each frame
};

// Thread rule: as TraceSession.
class CaptureSession {
 public:
  static constexpr size_t kRingBytes = size_t{8} << 20;

  // `ring_bytes`: of each worker; a power of two.
  CaptureSession(CaptureFilter filter, uint16_t workers, size_t ring_bytes = kRingBytes);

  const CaptureFilter& filter() const { return filter_; }
  RecordRing& worker(uint16_t i) { return *rings_[i]; }

  // The reader. Has `visit` look at all records that there are at the moment, those of one worker
  // after those of another; stops where it returns false, that record being taken, and begins with
  // another worker the next time.
  void ForEach(
      const std::function<bool(const CaptureRecord&, std::span<const std::byte> bytes)>& visit);
  uint64_t lost() const;  // any thread

 private:
  const CaptureFilter filter_;
  std::vector<std::unique_ptr<RecordRing>> rings_;
  size_t first_ = 0;  // the reader's: with whom it begins
};

}  // namespace podwarp
