// A guest's network device behind a vhost-user socket: what workers, librte_vhost's thread and the
// control thread share about it. It outlives the guest's connections, which come and go.
//
// Thread rule. librte_vhost calls back on a thread of its own, and on whichever thread unregisters
// a socket; never on both at once for one device. There:
//   - OnMessageAdmitted() takes the rings away from the workers before anything changes about them,
//     and waits until none uses them; they are given back by OnMessageDone(), OnRingState() and
//     OnReady(). So guest memory is never unmapped under a worker.
//   - librte_vhost may hold its rings' access locks meanwhile. That is why a worker that has rings
//     of its own asks librte_vhost for nothing that takes them.
//   - While a guest's memory is logged for a migration, workers use librte_vhost's functions, which
//     take the locks: there nobody may wait for them but OnStopped(), which comes without locks. So
//     a device goes on in this way, once begun, until the guest stops it.
//   - None of these may wait for the control thread, which may itself wait for the calling thread.
//
// Source: "Vhost Library" in the DPDK Programmer's Guide; lib/vhost of DPDK 22.11; Virtual I/O
// Device 1.2, 5.1.2 (rings: 2n takes what the guest receives on queue pair n, 2n + 1 brings what it
// sends).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "podwarp/net/mac_address.h"
#include "podwarp/port/port.h"
#include "podwarp/table/rcu.h"
#include "port/vhost_limits.h"
#include "port/vhost_message.h"
#include "port/vhost_rings.h"

namespace podwarp {

class VhostDevice {
 public:
  static constexpr int kNoHandle = -1;

  // Descriptors of the queues that podwarp is to receive from.
  // REQUIRES: 1 <= queue_pairs <= kMaxVhostQueuePairs. CHECKs that the kernel gives descriptors.
  VhostDevice(std::string socket, uint16_t queue_pairs, const Rcu* rcu);
  ~VhostDevice();
  VhostDevice(const VhostDevice&) = delete;
  VhostDevice& operator=(const VhostDevice&) = delete;

  const std::string& socket() const { return socket_; }
  uint16_t queue_pairs() const { return queue_pairs_; }

  // --- Workers. ---
  // What the guest sends (2 * queue + 1) or receives (2 * queue) on; null if it isn't to be used.
  // Valid until the worker's next quiescent state.
  VhostRing* ring(uint16_t index) const { return rings_.ring(index); }
  // librte_vhost's number for the device while its functions are to be used instead; else
  // kNoHandle. Valid as long.
  int library_handle() const { return library_handle_.load(std::memory_order_acquire); }
  // How many of the guest's queue pairs it receives on: the first so many.
  uint16_t transmit_queues() const { return transmit_queues_.load(std::memory_order_relaxed); }
  bool CanReceive(uint16_t queue) const {
    return queues_[queue].is_enabled.load(std::memory_order_relaxed);
  }
  // To be set if guest memory turned out to be gone: see SharedMemoryScope.
  std::atomic<bool>* memory_lost() { return &memory_lost_; }
  // Whether the guest has moved here and is to be announced, which TakeAnnouncement() says only
  // once. With librte_vhost's functions that is done by these.
  bool has_announcement() const { return announcement_.load(std::memory_order_relaxed) != 0; }
  std::optional<MacAddress> TakeAnnouncement();
  // As Port has them.
  bool Rest(uint16_t queue);
  void Wake(uint16_t queue);
  int ReadinessFd(uint16_t queue) const { return queues_[queue].epoll_fd; }

  // --- librte_vhost's callbacks. ---
  // False: the connection is to be refused.
  bool OnConnected(int handle);
  void OnDisconnected(int handle);
  void OnReady(int handle);
  void OnStopped(int handle);
  void OnRingState(int handle, uint16_t ring, bool is_enabled);
  // Before and after librte_vhost handles a message of the vhost-user protocol. One that is
  // refused, by it or before, has no after: the connection ends, unless the guest had asked for an
  // answer.
  void OnMessage(int handle, uint32_t request);
  void OnMessageAdmitted(int handle, const VhostMessage& message);
  void OnMessageDone(int handle, const VhostMessage& message);

  // --- The thread that registers sockets. ---
  // librte_vhost knows no connection of the device any more.
  void OnUnregistered();
  // Whether the guest was ever ready since the last call.
  bool TakeWasReady() { return was_ready_.exchange(false); }

  // --- Any thread. ---
  // Why the socket can't be used, as long as it can't; empty again once it can.
  void SetSocketTrouble(std::string trouble);
  bool is_connected() const { return connection_.load() != kNoHandle; }
  PortState State() const;
  // What the guest agreed to; of the last guest while there is none.
  const std::atomic<PortCapabilities>& capabilities() const { return capabilities_; }
  // Called without arguments whenever State() may have changed, on any thread. To be set before the
  // socket is used; must not wait.
  void set_on_change(std::function<void()> on_change) { on_change_ = std::move(on_change); }

 private:
  struct alignas(64) Queue {
    std::atomic<bool> is_enabled{false};  // ring 2n + 1
    std::atomic<bool> has_kick{false};
    int epoll_fd = -1;  // readable when the guest kicked, or the queue's state changed
    int kick_fd = -1;   // our copy of the guest's; librte_vhost's thread
  };

  int handle() const { return handle_.load(std::memory_order_acquire); }
  void ForgetRings();
  void SetRingState(uint16_t ring, bool is_enabled, int kick_fd);
  void GiveRings();
  void TakeRings();
  void WatchKick(int handle, uint16_t queue);
  void UnwatchKick(uint16_t queue);
  void CountTransmitQueues();
  void CallForAttention();
  std::string WhyNotReady() const;
  std::string DescribePeer() const;  // with mutex_ held
  void NoteChange() const {
    if (on_change_) on_change_();
  }

  const std::string socket_;
  const uint16_t queue_pairs_;
  const Rcu& rcu_;
  std::function<void()> on_change_;

  VhostRings rings_;
  std::atomic<int> library_handle_{kNoHandle};
  std::atomic<uint16_t> transmit_queues_{0};
  std::atomic<uint64_t> announcement_{0};  // a MAC; 0 = none
  std::atomic<bool> memory_lost_{false};
  std::array<Queue, kMaxVhostQueuePairs> queues_;
  int attention_fd_ = -1;  // in every queue's epoll set

  // librte_vhost's number for the device while it is ready.
  std::atomic<int> handle_{kNoHandle};
  // The newest connection; one that it replaces stays with librte_vhost until its peer closes it.
  std::atomic<int> connection_{kNoHandle};
  // Rings 2n that the guest has enabled. librte_vhost's thread.
  std::array<bool, kMaxVhostQueuePairs> receives_ = {};
  std::atomic<int> older_connections_{0};
  std::atomic<bool> was_ready_{false};
  std::atomic<PortCapabilities> capabilities_{PortCapabilities{.multi_segment = true}};

  std::atomic<uint32_t> request_{0};  // being handled
  std::atomic<bool> has_features_{false};
  std::atomic<bool> has_memory_{false};
  // How often attention was called for. Whoever deals with rings calls for it afterwards, and looks
  // at it before: that orders the threads. (librte_vhost's locks do as well, but no sanitizer sees
  // them.)
  std::atomic<uint64_t> calls_{0};

  mutable std::mutex mutex_;
  std::string socket_trouble_;
  std::string last_trouble_;  // what ended the last connection
  uint64_t features_ = 0;
  int numa_node_ = -1;
  uint16_t guest_queue_pairs_ = 0;
  uint16_t mtu_bytes_ = 0;  // 0 = not told
};

}  // namespace podwarp
