#include "unit/port/hostile_guest.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace podwarp::test {

const char* ToString(Mischief mischief) {
  switch (mischief) {
#define PODWARP_MISCHIEF(name) \
  case Mischief::k##name:      \
    return #name;
    PODWARP_MISCHIEFS(PODWARP_MISCHIEF)
#undef PODWARP_MISCHIEF
  }
  return "";
}

void PrintTo(Mischief mischief, std::ostream* out) { *out << ToString(mischief); }

HostileGuest::HostileGuest(std::string socket, uint64_t seed, std::vector<GuestFrame> frames)
    : socket_(std::move(socket)), frames_(std::move(frames)), chance_(seed) {}

absl::Status HostileGuest::Visit(Mischief mischief) {
  files_.clear();
  crowd_.clear();
  const absl::Status connected = Connect();
  if (!connected.ok()) return connected;
  switch (mischief) {
#define PODWARP_MISCHIEF(name) \
  case Mischief::k##name:      \
    name();                    \
    break;
    PODWARP_MISCHIEFS(PODWARP_MISCHIEF)
#undef PODWARP_MISCHIEF
  }
  if (chance_.OneIn(2)) peer_->Disconnect();
  return absl::OkStatus();
}

void HostileGuest::Leave() {
  files_.clear();
  crowd_.clear();
  peer_.reset();
}

VirtioPeerOptions HostileGuest::AnyOptions() {
  static constexpr uint16_t kSizes[] = {32, 64, 256};
  static constexpr uint32_t kBufferBytes[] = {64, 200, 2048};
  const uint64_t likely = kPlainFeatures | (chance_.Any() & kGuestFeatures);
  const uint64_t rare = chance_.OneIn(8) ? kVhostLogAll | kInOrder : 0;
  uint64_t features = chance_.OneIn(8) ? chance_.Any() : likely | rare;
  features = chance_.OneIn(2) ? features | kRingPacked : features & ~(kRingPacked | kNetMergeable);
  return {.queue_pairs = static_cast<uint16_t>(1 + chance_.Below(3)),
          .ring_size = chance_.Of(kSizes),
          // All queue pairs need the latter.
          .features = features | kNetMultiqueue | kVhostProtocolFeatures,
          .protocol_features = chance_.Any() | kVhostUserMq,
          .send_buffer_bytes = 4096,
          .receive_buffer_bytes = chance_.Of(kBufferBytes),
          .regions = static_cast<uint16_t>(1 + chance_.Below(3))};
}

// Its place may still be taken by the connections of its last visits, or its port be about to be
// closed and opened anew.
absl::Status HostileGuest::Connect() {
  peer_.reset();
  auto peer = VirtioPeer::Create(AnyOptions());
  if (!peer.ok()) return peer.status();
  peer_ = *std::move(peer);
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  for (;;) {
    const absl::Status status = peer_->Connect(socket_);
    if (status.ok() || absl::Now() > deadline) return status;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

void HostileGuest::Traffic() {
  for (uint32_t bursts = 1 + chance_.Below(4); bursts > 0; --bursts) {
    peer_->Send(0, std::span(frames_).subspan(0, 1 + chance_.Below(frames_.size())));
    Linger();
    peer_->Receive(0);
  }
}

VirtioPeer::Vring& HostileGuest::AnyVring() {
  return peer_->vring(static_cast<uint16_t>(chance_.Below(2 * peer_->queue_pairs())));
}

void HostileGuest::Linger() {
  if (chance_.OneIn(2)) AnyVring().notifier.Kick();
  std::this_thread::sleep_for(std::chrono::microseconds(chance_.Below(60)));
}

}  // namespace podwarp::test
