// A port over any DPDK ethdev: a NIC by its PCI address, or a virtual device by its vdev string
// (net_af_packet, net_af_xdp, net_memif, net_bonding, net_pcap, net_null, net_virtio_user).
//
// The device is probed when the port is opened and removed when it is destroyed, so that ports come
// and go while the process runs. It stands in DPDK's list of ports, where dpdk-dumpcap finds it.
//
// Transmit queues: one per worker where the device has enough; else workers share them, worker
// modulo queues, under a lock taken once per burst.
//
// The virtual MAC: a NIC gets it as a further unicast address, beside its own; if it has no room
// for one, and with virtual devices always, the port is promiscuous. The device's own MAC is never
// changed: with net_af_packet it is the kernel's.
//
// What net_af_packet does, as of DPDK 22.11: it takes frames of several mbufs and inserts VLAN tags
// itself; it has no other offload; its MTU ends at 1500 for ethdev, so podwarp leaves ethdev's MTU
// alone, asks that the kernel's is large enough, and gives it ring slots of the size needed
// (ethdev_attach.h); frames that are too large for a slot are lost in silence. Its transmit waits
// in poll(2) while its ring is full.
#pragma once

#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "podwarp/port/port.h"
#include "port/ethdev_attach.h"

namespace podwarp {

struct EthdevOptions {
  DeviceName device;
  rte_mempool* pool = nullptr;  // where received frames are put; must outlive the port
  // Wishes: brought into the limits of the device.
  uint16_t receive_descriptors = 1024;
  uint16_t transmit_descriptors = 1024;
};

class EthdevPort final : public Port {
 public:
  // Errors: those of AttachDevice(), OutOfRange (queues, MTU, buffers: names the limit) and
  // Unavailable (the device refuses), each one sentence that begins with the port's name.
  static absl::StatusOr<std::unique_ptr<EthdevPort>> Open(PortSettings settings,
                                                          const EthdevOptions& options);
  ~EthdevPort() override;

  uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) override;
  uint16_t Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) override;
  PortState State() const override;
  DeviceStatistics Statistics() const override;
  std::string Driver() const override { return driver_; }

  // DPDK's number and name of the device.
  uint16_t port_id() const { return port_id_; }
  const std::string& device_name() const { return device_name_; }
  uint16_t transmit_queues() const { return transmit_queues_; }

 private:
  struct alignas(RTE_CACHE_LINE_SIZE) QueueLock {
    rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
  };

  EthdevPort(PortSettings settings, uint16_t port_id)
      : Port(std::move(settings)), port_id_(port_id) {}

  // Open() in its order.
  absl::Status Start(const EthdevOptions& options);
  absl::Status CheckQueues(const rte_eth_dev_info& info);
  absl::Status CheckMtu(const rte_eth_dev_info& info, const EthdevOptions& options) const;
  absl::Status Configure(const rte_eth_dev_info& info, const EthdevOptions& options);
  absl::Status SetUpQueues(const EthdevOptions& options);
  absl::Status AcceptRouterMac(const rte_eth_dev_info& info, bool physical);

  // Bytes of a frame that one buffer of the pool holds.
  static uint32_t BufferBytes(const EthdevOptions& options);
  absl::Status Refused(const char* what, int error) const;

  const uint16_t port_id_;
  uint16_t transmit_queues_ = 0;
  bool prepares_ = false;         // frames with an Offload may come to Transmit()
  bool has_offloads_in_ = false;  // frames with an Offload may come from the device
  bool hands_flags_on_ = false;   // the device leaves the sender's flags in received mbufs
  bool started_ = false;
  bool promiscuous_ = false;
  std::vector<QueueLock> locks_;  // one per transmit queue; none if no queue is shared
  std::string driver_;
  std::string device_name_;
  std::string interface_;  // the kernel's, where the device borrows one
};

}  // namespace podwarp
