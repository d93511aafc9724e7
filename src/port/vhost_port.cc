#include "port/vhost_port.h"

#include <rte_vhost.h>

#include <algorithm>
#include <utility>

#include "platform/shared_memory_fault.h"
#include "podwarp/port/offload.h"
#include "port/ethdev_offload.h"

namespace podwarp {
namespace {

constexpr uint16_t kFramesPerCall = 32;  // librte_vhost takes no more at once

}  // namespace

VhostPort::VhostPort(PortSettings settings, const VhostOptions& options, VhostBackend* backend,
                     std::shared_ptr<VhostDevice> device)
    : Port(std::move(settings)),
      pool_(options.pool),
      is_server_(options.socket.is_server),
      backend_(*backend),
      device_(std::move(device)) {
  share_capabilities(&device_->capabilities());
}

VhostPort::~VhostPort() { backend_.Remove(device_); }

absl::StatusOr<std::unique_ptr<VhostPort>> VhostPort::Open(PortSettings settings,
                                                           const VhostOptions& options,
                                                           VhostBackend* backend) {
  auto device = backend->Add(options.socket, settings.receive_queues);
  if (!device.ok()) return device.status();
  return std::unique_ptr<VhostPort>(
      new VhostPort(std::move(settings), options, backend, *std::move(device)));
}

uint16_t VhostPort::Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) {
  const int handle = device_->handle();
  if (handle == VhostDevice::kNoHandle || !device_->CanReceive(queue)) return 0;
  const auto ring = static_cast<uint16_t>(2 * queue + 1);
  const SharedMemoryScope scope(device_->memory_lost());
  uint16_t count = 0;
  uint16_t wanted;
  uint16_t taken;
  do {
    wanted = std::min<uint16_t>(kFramesPerCall, static_cast<uint16_t>(capacity - count));
    taken = rte_vhost_dequeue_burst(handle, ring, pool_, frames + count, wanted);
    count = static_cast<uint16_t>(count + taken);
  } while (taken == kFramesPerCall && count < capacity);
  for (uint16_t i = 0; i < count; ++i) {
    if (MayHaveDeviceOffload(frames[i])) FromDeviceOffload(frames[i]);
  }
  return count;
}

uint16_t VhostPort::Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) {
  const int handle = device_->handle();
  const uint16_t queues = device_->transmit_queues();
  if (handle == VhostDevice::kNoHandle || queues == 0) return 0;
  const auto ring = static_cast<uint16_t>(2 * (worker % queues));
  for (uint16_t i = 0; i < count; ++i) {
    if (HasOffload(frames[i])) ToDeviceOffload(frames[i]);
  }
  const SharedMemoryScope scope(device_->memory_lost());
  uint16_t sent = 0;
  uint16_t wanted;
  uint16_t taken;
  do {
    wanted = std::min<uint16_t>(kFramesPerCall, static_cast<uint16_t>(count - sent));
    taken = rte_vhost_enqueue_burst(handle, ring, frames + sent, wanted);
    sent = static_cast<uint16_t>(sent + taken);
  } while (taken == kFramesPerCall && sent < count);
  rte_pktmbuf_free_bulk(frames, sent);
  return sent;
}

}  // namespace podwarp
