#include "support/memory_port.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "support/mbuf.h"

namespace podwarp::test {

MemoryPort::MemoryPort(PortSettings settings, PortCapabilities capabilities)
    : Port(std::move(settings)), queues_(this->settings().receive_queues) {
  set_capabilities(capabilities);
}

MemoryPort::~MemoryPort() {
  for (const auto& queue : queues_)
    for (rte_mbuf* frame : queue) rte_pktmbuf_free(frame);
}

void MemoryPort::Inject(const Packet& packet, uint16_t queue) { Inject(ToMbuf(packet), queue); }

void MemoryPort::Inject(rte_mbuf* frame, uint16_t queue) {
  CHECK_LT(queue, queues_.size()) << settings().name;
  const std::lock_guard lock(mutex_);
  queues_[queue].push_back(frame);
}

size_t MemoryPort::injected_left() const {
  const std::lock_guard lock(mutex_);
  size_t left = 0;
  for (const auto& queue : queues_) left += queue.size();
  return left;
}

std::vector<Packet> MemoryPort::TakeTransmitted() {
  std::vector<Packet> packets;
  for (TransmittedFrame& frame : TakeTransmittedFrames()) packets.push_back(frame.packet);
  return packets;
}

std::vector<TransmittedFrame> MemoryPort::TakeTransmittedFrames() {
  const std::lock_guard lock(mutex_);
  return std::exchange(transmitted_, {});
}

void MemoryPort::SetTransmitRoom(size_t frames) {
  const std::lock_guard lock(mutex_);
  room_ = frames;
}

void MemoryPort::SetState(PortState state) {
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

void MemoryPort::SetStatistics(const DeviceStatistics& statistics) {
  const std::lock_guard lock(mutex_);
  statistics_ = statistics;
}

uint16_t MemoryPort::Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) {
  CHECK_LT(queue, queues_.size()) << settings().name;
  const std::lock_guard lock(mutex_);
  std::deque<rte_mbuf*>& waiting = queues_[queue];
  const size_t count = std::min<size_t>(capacity, waiting.size());
  std::copy_n(waiting.begin(), count, frames);
  waiting.erase(waiting.begin(), waiting.begin() + count);
  return static_cast<uint16_t>(count);
}

uint16_t MemoryPort::Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) {
  CHECK_LT(worker, settings().workers) << settings().name;
  const std::lock_guard lock(mutex_);
  const auto taken = static_cast<uint16_t>(std::min<size_t>(count, room_));
  room_ -= taken;
  for (rte_mbuf* frame : std::vector<rte_mbuf*>(frames, frames + taken)) {
    std::optional<Offload> offload;
    if (HasOffload(frame)) offload = *OffloadOf(frame);
    CheckCapable(frame, offload);
    transmitted_.push_back({.packet = FromMbuf(frame),
                            .offload = offload,
                            .worker = worker,
                            .segments = frame->nb_segs});
    rte_pktmbuf_free(frame);
  }
  return taken;
}

void MemoryPort::CheckCapable(const rte_mbuf* frame, const std::optional<Offload>& offload) const {
  const PortCapabilities& can = capabilities();
  const std::string& name = settings().name;
  if (frame->nb_segs > 1) {
    EXPECT_TRUE(can.multi_segment) << name << " takes one segment";
  }
  if ((frame->ol_flags & RTE_MBUF_F_TX_VLAN) != 0) {
    EXPECT_TRUE(can.vlan_insert) << name << " inserts no tag";
  }
  if (!offload) return;
  if (offload->checksum_wanted) {
    EXPECT_TRUE(can.checksum) << name << " fills in no checksum";
  }
  if (offload->segment_bytes == 0) return;
  const bool udp = offload->l4_protocol == kIpProtocolUdp;
  const bool cuts_udp = offload->udp_datagrams ? can.udp_datagrams : can.udp_fragments;
  const bool cuts = udp ? cuts_udp : can.tcp_segments;
  EXPECT_TRUE(cuts) << name << " cuts no segments of protocol " << int{offload->l4_protocol};
}

PortState MemoryPort::State() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

DeviceStatistics MemoryPort::Statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace podwarp::test
