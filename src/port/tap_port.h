// A kernel network interface that podwarp holds the other end of: a container's eth0, or the host
// port.
//
// What the interface sends, podwarp receives, and the reverse. Checksums and segmentation are left
// undone between the two (IFF_VNET_HDR): a TCP segment of 64 KiB crosses whole, as a chain of
// mbufs.
//
// An idle tap holds no buffers. Receive() takes what one read can need at most from the pool, and
// gives back what it did not use before it returns.
//
// Readiness: ReadinessFd() is level-triggered: readable while the queue has frames. EPOLLERR means
// that the interface is gone (deleted); the worker calls Receive() as for any other event, which
// returns 0 and puts a descriptor in its place that never becomes ready. By that the entry leaves
// the worker's epoll set on its own, and removing it later fails with ENOENT, which means nothing.
// A tap that is merely down is never readable. One whose namespace lost its name still works: an
// open tap keeps its namespace alive. State() tells, and its owner is to close the port.
//
// Source: Documentation/networking/tuntap.rst; drivers/net/tun.c of Linux 6.1 and 6.18.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/netlink.h"
#include "platform/network_namespace.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/port/port.h"

namespace podwarp {

struct TapOptions {
  std::string interface;  // at most 15 characters
  std::string netns;      // path; empty = podwarp's own
  // Stays, with its addresses and routes, when podwarp ends; opening it again attaches to it.
  bool persistent = false;
  MacAddress mac;               // of the interface, the kernel's side
  rte_mempool* pool = nullptr;  // data room at least 2 KiB and the headroom
};

class TapPort : public Port {
 public:
  // Makes the interface, or attaches to the one there. It is left down if it was: see
  // pod_interface.h and host_interface.h. One queue of the tap for each of settings.receive_queues.
  // Errors: InvalidArgument (name, pool), NotFound (namespace), AlreadyExists (the interface is in
  // use, no tap, or a tap of another kind), PermissionDenied.
  static absl::StatusOr<std::unique_ptr<TapPort>> Open(PortSettings settings, TapOptions options);
  ~TapPort() override;

  uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) override;
  // A frame that the kernel refuses counts as transmitted here and as a transmit error in
  // Statistics(): EIO while the interface is down, EINVAL for an Offload that does not fit.
  uint16_t Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) override;
  ReceiveMode receive_mode() const override { return ReceiveMode::kReadable; }
  int ReadinessFd(uint16_t queue) const override { return queues_[queue].fd; }

  PortState State() const override;
  DeviceStatistics Statistics() const override;
  std::string Driver() const override { return "tap"; }

 private:
  // Each counter has one writer: the queue's worker.
  struct alignas(64) Queue {
    int fd = -1;
    std::atomic<bool> gone{false};
    std::atomic<uint64_t> receive_errors{0};
    std::atomic<uint64_t> receive_no_buffer{0};
  };
  struct alignas(64) Transmitter {
    std::atomic<uint64_t> errors{0};
  };

  TapPort(PortSettings settings, TapOptions options);

  absl::Status OpenQueues();
  absl::Status AttachQueue(Queue& queue);
  absl::Status NegotiateOffloads(int fd);
  void GiveUp(Queue& queue);
  bool IsGone() const;

  const TapOptions options_;
  NetworkNamespaceId namespace_id_;
  std::unique_ptr<Netlink> netlink_;  // in the tap's namespace
  std::unique_ptr<Queue[]> queues_;
  std::unique_ptr<Transmitter[]> transmitters_;
};

}  // namespace podwarp
