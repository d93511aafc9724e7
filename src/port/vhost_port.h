// A pod's port over vhost-user: a virtual machine, or a DPDK application behind virtio-user.
//
// The port exists whether or not anybody is connected; State() says why it is down. A guest that
// comes back, or comes anew, finds it as it was.
//
// Receive queue n is what the guest sends on its queue pair n. Worker w transmits to the guest's
// queue pair w modulo the number it has enabled, so that workers share one where there are fewer,
// under a lock per burst.
//
// Offloads: what the guest agreed to take unfinished is passed on so; a segment of 64 KiB crosses
// whole. Of guests' faulty descriptors nothing is told: what they describe is dropped.
//
// The rings are podwarp's own to run (VhostRings). librte_vhost's functions do it while a guest
// that migrates has its memory logged: they know how.
#pragma once

#include <rte_mempool.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "podwarp/port/port.h"
#include "port/vhost_backend.h"
#include "port/vhost_device.h"

namespace podwarp {

struct VhostOptions {
  VhostSocketSettings socket;
  rte_mempool* pool = nullptr;  // for what the guest sends; outlives the port
};

class VhostPort : public Port {
 public:
  // settings.receive_queues is the number of queue pairs, at most kMaxVhostQueuePairs. `backend`
  // outlives the port. Errors: ResourceExhausted beyond the limit of sockets. A socket that can't
  // be used at the moment is no error: it is tried again and again.
  static absl::StatusOr<std::unique_ptr<VhostPort>> Open(PortSettings settings,
                                                         const VhostOptions& options,
                                                         VhostBackend* backend);
  ~VhostPort() override;

  uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) override;
  uint16_t Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) override;
  bool Rest(uint16_t queue) override { return device_->Rest(queue); }
  void Wake(uint16_t queue) override { device_->Wake(queue); }

  ReceiveMode receive_mode() const override { return ReceiveMode::kWakeable; }
  int ReadinessFd(uint16_t queue) const override { return device_->ReadinessFd(queue); }

  PortState State() const override { return device_->State(); }
  DeviceStatistics Statistics() const override { return {}; }
  std::string Driver() const override {
    return is_server_ ? "vhost-user server" : "vhost-user client";
  }

 private:
  VhostPort(PortSettings settings, const VhostOptions& options, VhostBackend* backend,
            std::shared_ptr<VhostDevice> device);

  uint16_t Announce(rte_mbuf** frame);
  uint16_t ReceiveByLibrary(uint16_t queue, rte_mbuf** frames, uint16_t capacity);
  uint16_t TransmitByLibrary(uint16_t ring, rte_mbuf** frames, uint16_t count);

  rte_mempool* const pool_;
  const bool is_server_;
  VhostBackend& backend_;
  const std::shared_ptr<VhostDevice> device_;
};

}  // namespace podwarp
