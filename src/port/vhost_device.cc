#include "port/vhost_device.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <rte_atomic.h>
#include <rte_vhost.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "platform/shared_memory_fault.h"

namespace podwarp {
namespace {

// Feature bits: Virtio 1.2, 5.1.3 and 6. (<linux/virtio_net.h> is no C++ in Debian 12.)
constexpr int kGuestChecksum = 1;
constexpr int kGuestTso4 = 7;
constexpr int kGuestUfo = 10;
constexpr int kMergeableBuffers = 15;
constexpr int kPackedRings = 34;

constexpr uint16_t TransmitRing(uint16_t queue) { return static_cast<uint16_t>(2 * queue); }
constexpr uint16_t ReceiveRing(uint16_t queue) { return static_cast<uint16_t>(2 * queue + 1); }

bool Has(uint64_t features, int bit) { return (features >> bit & 1) != 0; }

PortCapabilities CapabilitiesOf(uint64_t features) {
  const bool checksum = Has(features, kGuestChecksum);
  return {.checksum = checksum,
          .tcp_segments = checksum && Has(features, kGuestTso4),
          .udp_fragments = checksum && Has(features, kGuestUfo),
          .multi_segment = true};
}

}  // namespace

VhostDevice::VhostDevice(std::string socket, uint16_t queue_pairs, const Rcu* rcu)
    : socket_(std::move(socket)),
      queue_pairs_(queue_pairs),
      rcu_(*rcu),
      rings_(rcu),
      attention_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(queue_pairs >= 1 && queue_pairs <= kMaxVhostQueuePairs) << socket_;
  PCHECK(attention_fd_ >= 0) << socket_;
  for (uint16_t i = 0; i < queue_pairs_; ++i) {
    queues_[i].epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    // By edges: a descriptor that came from a guest is never read.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = attention_fd_}};
    PCHECK(queues_[i].epoll_fd >= 0) << socket_;
    PCHECK(epoll_ctl(queues_[i].epoll_fd, EPOLL_CTL_ADD, attention_fd_, &event) == 0) << socket_;
  }
}

VhostDevice::~VhostDevice() {
  calls_.load();
  for (uint16_t i = 0; i < queue_pairs_; ++i) {
    UnwatchKick(i);
    close(queues_[i].epoll_fd);
  }
  close(attention_fd_);
}

bool VhostDevice::Rest(uint16_t queue) {
  VhostRing* const own = ring(ReceiveRing(queue));
  const int device = library_handle();
  // Without a guest nothing comes; a change of that calls for attention.
  if (own == nullptr && (device == kNoHandle || !CanReceive(queue))) return true;
  if (!queues_[queue].has_kick.load(std::memory_order_relaxed)) return false;
  const SharedMemoryScope scope(&memory_lost_);
  if (own != nullptr) {
    own->SetNotification(true);
    own->Leave();
  } else if (rte_vhost_enable_guest_notification(device, ReceiveRing(queue), 1) != 0) {
    return false;
  }
  // The guest must see this before the ring is looked at for the last time (Virtio 1.2, 2.7.10).
  rte_smp_mb();
  return true;
}

void VhostDevice::Wake(uint16_t queue) {
  epoll_event ignored[2];
  epoll_wait(queues_[queue].epoll_fd, ignored, 2, 0);  // takes the edges
  VhostRing* const own = ring(ReceiveRing(queue));
  const int device = library_handle();
  const SharedMemoryScope scope(&memory_lost_);
  if (own != nullptr) {
    own->SetNotification(false);
    own->Leave();
  } else if (device != kNoHandle && CanReceive(queue)) {
    rte_vhost_enable_guest_notification(device, ReceiveRing(queue), 0);
  }
}

std::optional<MacAddress> VhostDevice::TakeAnnouncement() {
  const uint64_t word = announcement_.exchange(0);
  if (word == 0) return std::nullopt;
  std::array<uint8_t, 6> bytes;
  std::memcpy(bytes.data(), &word, bytes.size());
  return MacAddress(bytes);
}

bool VhostDevice::OnConnected(int handle) {
  const int previous = connection_.load();
  if (previous != kNoHandle) {
    // A peer that was killed and started anew can be here before the end of its old connection is
    // noticed. More than that is somebody who takes up places.
    if (older_connections_ > 0) return false;
    OnStopped(previous);
    ++older_connections_;
  }
  ForgetRings();
  request_ = 0;
  has_features_ = false;
  has_memory_ = false;
  connection_.store(handle);
  NoteChange();
  return true;
}

void VhostDevice::OnDisconnected(int handle) {
  if (handle != connection_.load()) {
    --older_connections_;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    last_trouble_ = request_ == 0 ? "" : WhyRefused(request_.load());
    connection_.store(kNoHandle);
  }
  ForgetRings();
  NoteChange();
}

void VhostDevice::OnReady(int handle) {
  if (handle != connection_.load()) return;
  {
    const std::lock_guard lock(mutex_);
    rte_vhost_get_negotiated_features(handle, &features_);
    numa_node_ = rte_vhost_get_numa_node(handle);
    guest_queue_pairs_ = static_cast<uint16_t>(rte_vhost_get_vring_num(handle) / 2);
    if (rte_vhost_get_mtu(handle, &mtu_bytes_) != 0) mtu_bytes_ = 0;
    last_trouble_.clear();
    capabilities_.store(CapabilitiesOf(features_), std::memory_order_relaxed);
  }
  was_ready_.store(true);
  handle_.store(handle, std::memory_order_release);
  GiveRings();
  CallForAttention();
  NoteChange();
}

void VhostDevice::OnStopped(int handle) {
  if (handle_.load() != handle) return;
  TakeRings();
  handle_.store(kNoHandle, std::memory_order_release);
  if (library_handle_.exchange(kNoHandle) != kNoHandle) rcu_.WaitForReaders();
  NoteChange();
}

void VhostDevice::OnRingState(int handle, uint16_t ring, bool is_enabled) {
  const auto queue = static_cast<uint16_t>(ring / 2);
  if (handle != connection_.load() || queue >= kMaxVhostQueuePairs) return;
  rte_vhost_vring vring{};
  if (is_enabled && rte_vhost_get_vhost_vring(handle, ring, &vring) != 0) is_enabled = false;
  if (!is_enabled) TakeRings();
  SetRingState(ring, is_enabled, vring.kickfd);
  GiveRings();
  CallForAttention();
  NoteChange();
}

void VhostDevice::SetRingState(uint16_t ring, bool is_enabled, int kick_fd) {
  const auto queue = static_cast<uint16_t>(ring / 2);
  if (ring % 2 == 0) {
    receives_[queue] = is_enabled;
    CountTransmitQueues();
  } else if (queue < queue_pairs_) {
    UnwatchKick(queue);
    if (is_enabled) WatchKick(kick_fd, queue);
    queues_[queue].is_enabled.store(is_enabled, std::memory_order_relaxed);
  }
}

void VhostDevice::GiveRings() {
  const int device = handle();
  if (device == kNoHandle || !has_memory_) return;
  uint64_t features = 0;
  rte_vhost_get_negotiated_features(device, &features);
  if (!VhostRings::CanServe(features)) library_handle_.store(device, std::memory_order_release);
  if (library_handle() != kNoHandle) return;
  for (uint16_t queue = 0; queue < kMaxVhostQueuePairs; ++queue) {
    if (receives_[queue]) rings_.Give(device, TransmitRing(queue), features);
    if (CanReceive(queue)) rings_.Give(device, ReceiveRing(queue), features);
  }
}

void VhostDevice::TakeRings() {
  const int device = handle();
  if (device != kNoHandle) rings_.TakeBack(device);
}

void VhostDevice::OnMessage(int handle, uint32_t request) {
  if (handle != connection_.load()) return;
  request_ = request;
}

void VhostDevice::OnMessageAdmitted(int handle, const VhostMessage& message) {
  if (handle != connection_.load() || LeavesRingsAlone(message.request)) return;
  TakeRings();
  if (message.request == kVhostSetMemoryTable) has_memory_ = false;
  // It is told that this is done before OnRingState() is called.
  if (message.request == kVhostSetRingEnable && message.value == 0) {
    SetRingState(static_cast<uint16_t>(message.ring), false, -1);
  }
}

void VhostDevice::OnMessageDone(int handle, const VhostMessage& message) {
  if (handle != connection_.load()) return;
  request_ = 0;
  if (message.request == kVhostSetFeatures) has_features_ = true;
  if (message.request == kVhostSetMemoryTable) has_memory_ = true;
  if (message.request == kVhostSendRarp && library_handle() == kNoHandle) {
    uint64_t word = 0;
    std::memcpy(&word, message.mac, sizeof(message.mac));
    announcement_.store(word);
  }
  GiveRings();
  // While it handled the message there were no rings, or they were locked, and a worker that looked
  // into them for the last time before it laid them to rest saw nothing. And a guest that has moved
  // is to be announced.
  CallForAttention();
}

void VhostDevice::OnUnregistered() {
  older_connections_ = 0;
  {
    const std::lock_guard lock(mutex_);
    connection_.store(kNoHandle);
  }
  ForgetRings();
  NoteChange();
}

void VhostDevice::ForgetRings() {
  calls_.load();
  for (uint16_t i = 0; i < kMaxVhostQueuePairs; ++i) {
    queues_[i].is_enabled.store(false, std::memory_order_relaxed);
    UnwatchKick(i);
  }
  receives_ = {};
  CountTransmitQueues();
  CallForAttention();
}

// A copy of the guest's descriptor: librte_vhost closes its own when it likes, and what stays open
// at the guest's side would then stay in the epoll set with nobody able to remove it.
void VhostDevice::WatchKick(int guest_fd, uint16_t queue) {
  if (guest_fd < 0) return;  // the guest doesn't kick
  const int copy = fcntl(guest_fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = copy}};
  if (epoll_ctl(queues_[queue].epoll_fd, EPOLL_CTL_ADD, copy, &event) != 0) {
    close(copy);  // no event counter, but something that can't be waited for
    return;
  }
  queues_[queue].kick_fd = copy;
  queues_[queue].has_kick.store(true, std::memory_order_relaxed);
}

void VhostDevice::UnwatchKick(uint16_t queue) {
  Queue& watched = queues_[queue];
  if (watched.kick_fd < 0) return;
  watched.has_kick.store(false, std::memory_order_relaxed);
  epoll_ctl(watched.epoll_fd, EPOLL_CTL_DEL, watched.kick_fd, nullptr);
  close(watched.kick_fd);
  watched.kick_fd = -1;
}

void VhostDevice::CountTransmitQueues() {
  uint16_t count = 0;
  while (count < kMaxVhostQueuePairs && receives_[count]) ++count;
  transmit_queues_.store(count, std::memory_order_relaxed);
}

void VhostDevice::CallForAttention() {
  eventfd_write(attention_fd_, 1);
  ++calls_;
}

void VhostDevice::SetSocketTrouble(std::string trouble) {
  {
    const std::lock_guard lock(mutex_);
    if (socket_trouble_ == trouble) return;
    socket_trouble_ = std::move(trouble);
  }
  NoteChange();
}

PortState VhostDevice::State() const {
  const std::lock_guard lock(mutex_);
  const bool is_ready = handle() != kNoHandle;
  PortState state{.peer = is_ready ? DescribePeer() : ""};
  if (memory_lost_.load(std::memory_order_relaxed)) {
    state.why_down = absl::StrCat("the guest on ", socket_, " took away memory that it had shared");
    state.is_gone = true;
  } else if (is_ready && transmit_queues() > 0) {
    state.up = true;
  } else if (is_connected()) {
    state.why_down = WhyNotReady();
  } else if (!last_trouble_.empty()) {
    state.why_down = last_trouble_;
  } else if (!socket_trouble_.empty()) {
    state.why_down = socket_trouble_;
  } else {
    state.why_down = absl::StrCat("nobody is connected to ", socket_);
  }
  return state;
}

std::string VhostDevice::WhyNotReady() const {
  if (request_ != 0) return absl::StrCat("the peer on ", socket_, " is being set up");
  if (handle() != kNoHandle) {
    return absl::StrCat("the guest on ", socket_, " has enabled no queue to receive from");
  }
  const char* missing = !has_features_ ? "has not agreed on features yet"
                        : !has_memory_ ? "has not shared its memory yet: its driver is not running"
                                       : "has not enabled its rings";
  return absl::StrCat("a peer is connected to ", socket_, ", but ", missing);
}

std::string VhostDevice::DescribePeer() const {
  std::vector<std::string> can;
  for (const auto& [bit, name] :
       {std::pair{kMergeableBuffers, "mergeable buffers"},
        std::pair{kGuestChecksum, "checksum offload"}, std::pair{kGuestTso4, "TSO"}}) {
    if (Has(features_, bit)) can.push_back(name);
  }
  std::string text = absl::StrCat(Has(features_, kPackedRings) ? "packed" : "split", " rings, ",
                                  transmit_queues(), " of ", guest_queue_pairs_, " queue pairs");
  if (guest_queue_pairs_ > queue_pairs_) absl::StrAppend(&text, " (", queue_pairs_, " configured)");
  if (!can.empty()) absl::StrAppend(&text, ", ", absl::StrJoin(can, ", "));
  if (mtu_bytes_ != 0) absl::StrAppend(&text, ", MTU ", mtu_bytes_);
  if (numa_node_ >= 0) absl::StrAppend(&text, ", NUMA node ", numa_node_);
  return text;
}

}  // namespace podwarp
