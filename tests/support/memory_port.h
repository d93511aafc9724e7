// A port whose far side is the test: what it injects is received, what is transmitted it can take.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "podwarp/port/offload.h"
#include "podwarp/port/port.h"
#include "support/packet.h"

namespace podwarp::test {

struct TransmittedFrame {
  Packet packet;
  std::optional<Offload> offload;  // what was left for the device to do
  uint16_t worker = 0;
  uint16_t segments = 1;
};

// Any thread may call anything, so that workers can run beside the test.
//
// It holds its callers to Port's contract: the test fails if a frame is transmitted that needs more
// than the capabilities allow (a tag, a checksum, segments), or names a queue or worker too many.
class MemoryPort : public Port {
 public:
  explicit MemoryPort(PortSettings settings, PortCapabilities capabilities = {});
  ~MemoryPort() override;  // frees what was never received

  // --- The test's side. ---
  void Inject(const Packet& packet, uint16_t queue = 0);
  void Inject(rte_mbuf* frame, uint16_t queue = 0);  // takes it
  size_t injected_left() const;                      // not received yet, over all queues

  // In order; the second call returns only what came after the first.
  std::vector<Packet> TakeTransmitted();
  std::vector<TransmittedFrame> TakeTransmittedFrames();

  // Transmit() takes so many frames more, in all its calls together, and then none: a full queue.
  void SetTransmitRoom(size_t frames);
  void SetState(PortState state);
  void SetStatistics(const DeviceStatistics& statistics);

  // --- podwarp's side. ---
  uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) override;
  uint16_t Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) override;
  PortState State() const override;
  DeviceStatistics Statistics() const override;
  std::string Driver() const override { return "memory"; }

 private:
  void CheckCapable(const rte_mbuf* frame, const std::optional<Offload>& offload) const;

  mutable std::mutex mutex_;
  std::vector<std::deque<rte_mbuf*>> queues_;
  std::vector<TransmittedFrame> transmitted_;
  size_t room_ = std::numeric_limits<size_t>::max();
  PortState state_ = {.up = true, .why_down = "", .speed_mbps = 0};
  DeviceStatistics statistics_;
};

}  // namespace podwarp::test
