#include "port/ethdev_port.h"

#include <rte_dev.h>
#include <rte_errno.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "podwarp/port/offload.h"
#include "port/ethdev_offload.h"
#include "port/kernel_interface.h"

namespace podwarp {
namespace {

constexpr uint64_t kRssFields = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 |
                                RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                RTE_ETH_RSS_NONFRAG_IPV4_OTHER;

constexpr uint64_t kReceiveOffloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
// With a virtio device these mean that the peer may leave checksums open and segments uncut, which
// is what podwarp wants to pass on. With a NIC they would only be work for nobody, and large
// receive would merge segments that can't be cut again as they were.
constexpr uint64_t kVirtioReceiveOffloads =
    RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO;

// Not among them: MBUF_FAST_FREE, for a burst mixes frames of several pools and multi-mbuf ones;
// UDP_TSO, for drivers differ in whether it makes fragments (as mbuf.h says) or datagrams.
constexpr uint64_t kTransmitOffloads =
    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
    RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

PortCapabilities CapabilitiesOf(uint64_t offloads) {
  const auto has = [offloads](uint64_t bits) { return (offloads & bits) == bits; };
  PortCapabilities result;
  result.checksum = has(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
  result.tcp_segments =
      result.checksum && has(RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
                             RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  result.vlan_insert = has(RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
  result.multi_segment = has(RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  return result;
}

bool IsVirtio(const std::string& driver) { return driver.rfind("net_virtio", 0) == 0; }

uint32_t FrameBytes(uint16_t mtu_bytes) {
  return uint32_t{mtu_bytes} + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
}

// "1 receive queue", "2 receive queues"
std::string Count(unsigned count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace

absl::StatusOr<std::unique_ptr<EthdevPort>> EthdevPort::Open(PortSettings settings,
                                                             const EthdevOptions& options) {
  const std::string name = settings.name;
  const absl::StatusOr<uint16_t> port_id = AttachDevice(options.device, settings.mtu_bytes);
  absl::Status status = port_id.status();
  if (status.ok()) {
    // From here on the destructor takes back what was done.
    std::unique_ptr<EthdevPort> port(new EthdevPort(std::move(settings), *port_id));
    status = port->Start(options);
    if (status.ok()) return port;
  }
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

EthdevPort::~EthdevPort() {
  // With net_af_packet the flag is the kernel's, and would stay.
  if (promiscuous_) rte_eth_promiscuous_disable(port_id_);
  if (started_) rte_eth_dev_stop(port_id_);
  DetachDevice(port_id_);
}

uint32_t EthdevPort::BufferBytes(const EthdevOptions& options) {
  return uint32_t{rte_pktmbuf_data_room_size(options.pool)} - RTE_PKTMBUF_HEADROOM;
}

absl::Status EthdevPort::Refused(const char* what, int error) const {
  return absl::UnavailableError(
      absl::StrCat(device_name_, " refuses ", what, ": ", rte_strerror(-error)));
}

absl::Status EthdevPort::Start(const EthdevOptions& options) {
  rte_eth_dev_info info;
  if (int error = rte_eth_dev_info_get(port_id_, &info); error != 0) {
    return Refused("to say what it is", error);
  }
  driver_ = info.driver_name;
  device_name_ = rte_dev_name(info.device);
  interface_ = ParseVdev(options.device.vdev).interface;
  hands_flags_on_ = driver_ == "net_ring";

  absl::Status status = CheckQueues(info);
  if (status.ok()) status = CheckMtu(info, options);
  if (status.ok()) status = Configure(info, options);
  if (status.ok()) status = SetUpQueues(options);
  if (status.ok() && !interface_.empty() && settings().role == PortRole::kUplink) {
    status = KeepKernelFromAnsweringArp(interface_);
  }
  if (!status.ok()) return status;
  if (int error = rte_eth_dev_start(port_id_); error != 0) return Refused("to start", error);
  started_ = true;
  return AcceptRouterMac(info, !options.device.pci_address.empty());
}

absl::Status EthdevPort::CheckQueues(const rte_eth_dev_info& info) {
  const unsigned wanted = settings().receive_queues;
  const bool af_packet = driver_ == "net_af_packet" || driver_ == "AF_PACKET PMD";
  const char* const hint = af_packet ? " (its vdev string says qpairs=N)" : "";
  if (wanted == 0 || wanted > info.max_rx_queues) {
    return absl::OutOfRangeError(absl::StrCat(device_name_, " has at most ",
                                              Count(info.max_rx_queues, "receive queue"), ", not ",
                                              wanted, hint));
  }
  // The kernel spreads frames over all of them: what nobody polls is lost.
  if (af_packet && wanted < info.max_rx_queues) {
    return absl::OutOfRangeError(absl::StrCat(device_name_, " spreads frames over ",
                                              Count(info.max_rx_queues, "receive queue"),
                                              ", so that many must be polled, not ", wanted, hint));
  }
  if (info.max_tx_queues == 0) {
    return absl::OutOfRangeError(absl::StrCat(device_name_, " has no transmit queue"));
  }
  transmit_queues_ = std::min(std::max<uint16_t>(settings().workers, 1), info.max_tx_queues);
  if (transmit_queues_ < settings().workers) locks_ = std::vector<QueueLock>(transmit_queues_);
  return absl::OkStatus();
}

absl::Status EthdevPort::CheckMtu(const rte_eth_dev_info& info,
                                  const EthdevOptions& options) const {
  const unsigned mtu = settings().mtu_bytes;
  if (!interface_.empty()) {
    const std::optional<KernelInterface> kernel = FindKernelInterface(interface_);
    if (kernel && kernel->mtu_bytes < mtu) {
      return absl::OutOfRangeError(absl::StrCat("the MTU of ", interface_, " is ",
                                                kernel->mtu_bytes, ", not ", mtu,
                                                ": ip link set dev ", interface_, " mtu ", mtu));
    }
  } else {
    // As rte_eth_dev_configure() reckons, which itself tells only the log.
    const uint32_t overhead = info.max_mtu != UINT16_MAX && info.max_rx_pktlen > info.max_mtu
                                  ? info.max_rx_pktlen - info.max_mtu
                                  : RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
    const uint32_t max = std::min<uint32_t>(info.max_mtu, info.max_rx_pktlen - overhead);
    if (mtu < info.min_mtu || mtu > max) {
      return absl::OutOfRangeError(absl::StrCat(device_name_, " takes an MTU of ", info.min_mtu,
                                                " to ", max, ", not ", mtu));
    }
  }
  const uint32_t frame_bytes = FrameBytes(settings().mtu_bytes);
  if (frame_bytes > BufferBytes(options) &&
      (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) == 0) {
    return absl::OutOfRangeError(absl::StrCat(
        device_name_, " needs buffers of ", frame_bytes, " bytes for an MTU of ", mtu,
        " because it can't spread a frame over several; they have ", BufferBytes(options)));
  }
  return absl::OkStatus();
}

absl::Status EthdevPort::Configure(const rte_eth_dev_info& info, const EthdevOptions& options) {
  rte_eth_conf conf = {};
  conf.rxmode.offloads = info.rx_offload_capa & kReceiveOffloads;
  if (IsVirtio(driver_)) {
    conf.rxmode.offloads |= info.rx_offload_capa & kVirtioReceiveOffloads;
    conf.rxmode.max_lro_pkt_size = info.max_lro_pkt_size;
    has_offloads_in_ = true;
  }
  const bool lro = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0;
  if (lro || FrameBytes(settings().mtu_bytes) > BufferBytes(options)) {
    conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  }
  conf.txmode.offloads = info.tx_offload_capa & kTransmitOffloads;
  // An interface that the kernel owns keeps its MTU.
  const bool sets_mtu = interface_.empty();
  if (sets_mtu) conf.rxmode.mtu = settings().mtu_bytes;
  if (settings().receive_queues > 1) {
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & kRssFields;
    if (conf.rx_adv_conf.rss_conf.rss_hf != 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  }
  int error = rte_eth_dev_configure(port_id_, settings().receive_queues, transmit_queues_, &conf);
  if (error != 0) return Refused("its configuration", error);
  // Some drivers take the MTU from the configuration, others from this call, some from neither.
  error = sets_mtu ? rte_eth_dev_set_mtu(port_id_, settings().mtu_bytes) : 0;
  if (error != 0 && error != -ENOTSUP) {
    return Refused(absl::StrCat("an MTU of ", settings().mtu_bytes).c_str(), error);
  }
  set_capabilities(CapabilitiesOf(conf.txmode.offloads));
  prepares_ = capabilities().checksum || capabilities().vlan_insert;
  return absl::OkStatus();
}

absl::Status EthdevPort::SetUpQueues(const EthdevOptions& options) {
  uint16_t receive = options.receive_descriptors;
  uint16_t transmit = options.transmit_descriptors;
  if (int error = rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &receive, &transmit); error != 0) {
    return Refused("its number of descriptors", error);
  }
  const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(port_id_)));
  for (uint16_t queue = 0; queue < settings().receive_queues; ++queue) {
    // No rte_eth_rxconf: the driver's own thresholds, and the port's offloads.
    const int error =
        rte_eth_rx_queue_setup(port_id_, queue, receive, socket, nullptr, options.pool);
    if (error != 0) {
      return Refused(
          absl::StrCat("receive queue ", queue, " with buffers of ", BufferBytes(options), " bytes")
              .c_str(),
          error);
    }
  }
  for (uint16_t queue = 0; queue < transmit_queues_; ++queue) {
    const int error = rte_eth_tx_queue_setup(port_id_, queue, transmit, socket, nullptr);
    if (error != 0) return Refused(absl::StrCat("transmit queue ", queue).c_str(), error);
  }
  return absl::OkStatus();
}

absl::Status EthdevPort::AcceptRouterMac(const rte_eth_dev_info& info, bool physical) {
  if (physical && info.max_mac_addrs > 1) {
    rte_ether_addr mac;
    std::copy_n(settings().router_mac.bytes().begin(), sizeof(mac.addr_bytes), mac.addr_bytes);
    if (rte_eth_dev_mac_addr_add(port_id_, &mac, 0) == 0) return absl::OkStatus();
  }
  const int error = rte_eth_promiscuous_enable(port_id_);
  promiscuous_ = error == 0;
  // A virtual device without the notion gets every frame anyway.
  if (error == 0 || (!physical && error == -ENOTSUP)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      device_name_, " takes neither ", settings().router_mac.ToString(),
      " as a further address nor promiscuous mode (", rte_strerror(-error), ")",
      physical ? ": a virtual function needs `ip link set dev PF vf N trust on`" : ""));
}

uint16_t EthdevPort::Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) {
  const uint16_t count = rte_eth_rx_burst(port_id_, queue, frames, capacity);
  if (has_offloads_in_) {
    for (uint16_t i = 0; i < count; ++i) {
      if (MayHaveDeviceOffload(frames[i])) FromDeviceOffload(frames[i]);
    }
  } else if (hands_flags_on_) {
    for (uint16_t i = 0; i < count; ++i) {
      frames[i]->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    }
  }
  return count;
}

uint16_t EthdevPort::Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) {
  const auto queue = static_cast<uint16_t>(worker % transmit_queues_);
  if (prepares_) {
    uint64_t any_flags = 0;
    for (uint16_t i = 0; i < count; ++i) {
      any_flags |= frames[i]->ol_flags;
      if (HasOffload(frames[i])) ToDeviceOffload(frames[i]);
    }
    // What the driver itself must mend: virtio's VLAN tag, some NICs' pseudo-headers. A frame that
    // it can't have ends the burst.
    if ((any_flags & (offload_internal::flag | RTE_MBUF_F_TX_VLAN)) != 0) {
      count = rte_eth_tx_prepare(port_id_, queue, frames, count);
    }
  }
  if (locks_.empty()) return rte_eth_tx_burst(port_id_, queue, frames, count);
  rte_spinlock_lock(&locks_[queue].lock);
  const uint16_t sent = rte_eth_tx_burst(port_id_, queue, frames, count);
  rte_spinlock_unlock(&locks_[queue].lock);
  return sent;
}

PortState EthdevPort::State() const {
  PortState state;
  if (!interface_.empty()) {
    const std::optional<KernelInterface> kernel = FindKernelInterface(interface_);
    if (!kernel) {
      state.why_down = absl::StrCat("the interface ", interface_, " is gone");
    } else if (!kernel->up) {
      state.why_down = absl::StrCat(interface_, " is down: ip link set dev ", interface_, " up");
    } else if (!kernel->running) {
      state.why_down = absl::StrCat(interface_, " has no carrier");
    }
    state.up = state.why_down.empty();
    return state;
  }
  rte_eth_link link = {};
  const int error = rte_eth_link_get_nowait(port_id_, &link);
  if (error != 0) {
    state.why_down = absl::StrCat(device_name_, " doesn't say: ", rte_strerror(-error));
  } else if (link.link_status == RTE_ETH_LINK_DOWN) {
    state.why_down = absl::StrCat(device_name_, " has no link: its cable or its peer is missing");
  } else {
    state.up = true;
    if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) state.speed_mbps = link.link_speed;
  }
  return state;
}

DeviceStatistics EthdevPort::Statistics() const {
  rte_eth_stats stats;
  DeviceStatistics result;
  if (rte_eth_stats_get(port_id_, &stats) != 0) return result;
  result.receive_missed = stats.imissed;
  result.receive_errors = stats.ierrors;
  result.receive_no_buffer = stats.rx_nombuf;
  result.transmit_errors = stats.oerrors;
  return result;
}

}  // namespace podwarp
