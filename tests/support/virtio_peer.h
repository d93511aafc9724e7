// A guest with a virtio-net device, in the test's own process: the front end of a vhost-user
// connection, as QEMU or DPDK's virtio-user is one, and the driver of the device's rings.
//
//   auto peer = VirtioPeer::Create({.ring_size = 64, .features = kGuestFeatures | kRingPacked});
//   (*peer)->Connect(path)                             // or Listen(path), and then Accept()
//   (*peer)->Send(0, {{GuestFrame{packet.bytes()}}});
//   for (const GuestFrame& frame : (*peer)->Receive(0)) ...
//
// The guest sends and receives only when it is told to, kicks only if it is asked for, and wants no
// calls unless told otherwise: vring(i).queue->CallAlways().
//
// A hostile guest uses what lies below: client() for messages of any kind, vring(i).layout for the
// bytes of a ring, memory() to take memory away.
//
// Nothing waits longer than the timeout. Errors name socket and message.
//
// Thread rule: one thread for each ring at a time (a queue pair's two may be two threads); for all
// else one thread, while no other uses a ring.
// Source: QEMU's docs/interop/vhost-user.rst; Virtual I/O Device 1.2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "support/virtio/frame_queues.h"
#include "support/virtio/guest_memory.h"
#include "support/virtio/notifier.h"
#include "support/virtio/vhost_user_client.h"
#include "support/virtio/virtio_net.h"
#include "support/virtio/virtqueue.h"

namespace podwarp::test {

struct VirtioPeerOptions {
  uint16_t queue_pairs = 1;  // more than one: kNetMultiqueue is asked for too
  uint16_t ring_size = 256;  // a power of two
  // What the guest takes; what is negotiated is what the back end offers of it.
  uint64_t features = kGuestFeatures;
  uint64_t protocol_features = kVhostUserMq | kVhostUserReplyAck | kVhostUserNetMtu;
  // Virtio header and frame.
  uint32_t send_buffer_bytes = 2048;
  uint32_t receive_buffer_bytes = 2048;
  BufferLayout receive_layout = {};
  uint64_t memory_bytes = 0;  // 0 = what rings and buffers need
  uint16_t regions = 1;       // at most 8
  bool huge_pages = false;
  absl::Duration timeout = absl::Seconds(10);  // of each connection, message and answer
};

class VirtioPeer {
 public:
  // What a new connection finds in the rings: nothing, as after the guest's reset; or what was
  // there, for a back end that takes over from one that is gone.
  enum class Rings { kReset, kKeep };

  struct Vring {
    VringLayout layout;
    Notifier notifier;
    BufferArena arena;
    std::unique_ptr<Virtqueue> queue;  // null before the first connection
  };

  static absl::StatusOr<std::unique_ptr<VirtioPeer>> Create(VirtioPeerOptions options);
  ~VirtioPeer();

  // The front end connects, negotiates, and starts the device. When it returns, the back end has
  // dealt with all messages.
  absl::Status Connect(const std::string& path, Rings rings = Rings::kReset);
  // The back end connects. The socket is there from Listen() on, until the peer ends.
  absl::Status Listen(const std::string& path);
  absl::Status Accept(Rings rings = Rings::kReset);
  // Without a word to the back end. Connect() or Accept() may follow.
  void Disconnect() { client_.reset(); }

  // The guest's driver stops the device (GET_VRING_BASE), and starts it again.
  absl::Status Stop();
  absl::Status Start(Rings rings = Rings::kReset);

  // Shares the memory again, with `plugged` more regions (at most 7) that alias the first: what
  // happens when memory is plugged into a running guest, or pulled out again.
  absl::Status ShareMemory(uint16_t plugged = 0);

  uint16_t queue_pairs() const { return options_.queue_pairs; }
  uint64_t features() const { return features_; }  // as negotiated last
  uint64_t protocol_features() const { return protocol_features_; }

  // `queue` counts queue pairs. How many frames the device was given.
  uint32_t Send(uint16_t queue, std::span<const GuestFrame> frames,
                const BufferLayout& layout = {}) {
    return senders_[queue].Send(frames, layout);
  }
  uint32_t SendAgain(uint16_t queue, uint32_t limit) { return senders_[queue].SendAgain(limit); }
  uint32_t InFlight(uint16_t queue) { return senders_[queue].InFlight(); }
  std::vector<GuestFrame> Receive(uint16_t queue) { return receivers_[queue].Receive(); }
  uint32_t Discard(uint16_t queue) { return receivers_[queue].Discard(); }

  // The rings as vhost-user counts them: 2 * queue for what the guest receives, 2 * queue + 1 for
  // what it sends.
  Vring& vring(uint16_t index) { return vrings_[index]; }
  static uint16_t ReceiveRing(uint16_t queue) { return static_cast<uint16_t>(2 * queue); }
  static uint16_t SendRing(uint16_t queue) { return static_cast<uint16_t>(2 * queue + 1); }

  VhostUserClient& client() { return *client_; }  // REQUIRES: connected
  GuestMemory& memory() { return *memory_; }

 private:
  explicit VirtioPeer(VirtioPeerOptions options) : options_(std::move(options)) {}

  absl::Status Begin(absl::StatusOr<UnixStream> stream, Rings rings);
  absl::Status Negotiate();
  absl::Status NegotiateProtocol();
  absl::Status SetUpRing(uint16_t index);
  absl::Status SetStatus(uint8_t status);
  void MakeRings();
  RingParts PartsOf(Vring& vring);
  bool Has(uint64_t feature) const { return (features_ & feature) != 0; }
  bool HasProtocol(uint64_t feature) const { return (protocol_features_ & feature) != 0; }

  const VirtioPeerOptions options_;
  std::unique_ptr<GuestMemory> memory_;
  std::vector<Vring> vrings_;
  std::vector<FrameReceiver> receivers_;
  std::vector<FrameSender> senders_;

  std::optional<UnixListener> listener_;
  std::optional<VhostUserClient> client_;
  uint64_t features_ = 0;
  uint64_t protocol_features_ = 0;
  uint64_t ring_features_ = 0;  // of the rings as they are
};

}  // namespace podwarp::test
