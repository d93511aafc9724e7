#include "port/vhost_port.h"

#include <rte_arp.h>
#include <rte_vhost.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "platform/shared_memory_fault.h"
#include "podwarp/port/offload.h"
#include "port/ethdev_offload.h"
#include "port/vhost_frame.h"
#include "port/vhost_packed_ring.h"
#include "port/vhost_split_ring.h"

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
  VhostRing* const ring = device_->ring(static_cast<uint16_t>(2 * queue + 1));
  if (ring == nullptr) return ReceiveByLibrary(queue, frames, capacity);
  uint16_t announced = 0;
  if (device_->has_announcement() && capacity > 0) [[unlikely]]
    announced = Announce(frames);
  const SharedMemoryScope scope(device_->memory_lost());
  const auto receive = ring->is_packed ? ReceivePacked : ReceiveSplit;
  const uint16_t received =
      receive(*ring, pool_, frames + announced, static_cast<uint16_t>(capacity - announced));
  ring->Leave();
  return static_cast<uint16_t>(announced + received);
}

uint16_t VhostPort::Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) {
  const uint16_t queues = device_->transmit_queues();
  if (queues == 0) return 0;
  const auto index = static_cast<uint16_t>(2 * (worker % queues));
  VhostRing* const ring = device_->ring(index);
  if (ring == nullptr) return TransmitByLibrary(index, frames, count);
  const SharedMemoryScope scope(device_->memory_lost());
  ring->Lock();
  const uint16_t sent =
      ring->is_packed ? TransmitPacked(*ring, frames, count) : TransmitSplit(*ring, frames, count);
  ring->Leave();
  FreeFrames(frames, sent);
  return sent;
}

// What the guest would send itself if it knew that it has moved.
uint16_t VhostPort::Announce(rte_mbuf** frame) {
  const std::optional<MacAddress> mac = device_->TakeAnnouncement();
  if (!mac.has_value()) return 0;
  rte_ether_addr address;
  static_assert(sizeof(address) == sizeof(*mac));
  std::memcpy(&address, &*mac, sizeof(address));
  *frame = rte_net_make_rarp_packet(pool_, &address);
  return *frame != nullptr ? 1 : 0;
}

uint16_t VhostPort::ReceiveByLibrary(uint16_t queue, rte_mbuf** frames, uint16_t capacity) {
  const int handle = device_->library_handle();
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

uint16_t VhostPort::TransmitByLibrary(uint16_t ring, rte_mbuf** frames, uint16_t count) {
  const int handle = device_->library_handle();
  if (handle == VhostDevice::kNoHandle) return 0;
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
