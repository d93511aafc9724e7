#include "support/virtio_peer.h"

#include <bit>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace podwarp::test {
namespace {

constexpr uint16_t kMaxRegions = 8;
constexpr uint8_t kDriverFound = kStatusAcknowledge | kStatusDriver;
constexpr uint8_t kFeaturesChosen = kDriverFound | kStatusFeaturesOk;
constexpr uint8_t kDriverReady = kFeaturesChosen | kStatusDriverOk;

// In one region: what there is, and room for chunks that don't fit evenly into several.
uint64_t MemoryBytes(const VirtioPeerOptions& options) {
  if (options.memory_bytes != 0) return options.memory_bytes;
  const uint64_t receive = BufferArena::BytesFor(options.ring_size, options.receive_buffer_bytes);
  const uint64_t send = BufferArena::BytesFor(options.ring_size, options.send_buffer_bytes);
  const uint64_t rings = 2 * VringLayout::BytesFor(options.ring_size);
  const uint64_t uneven = options.regions > 1 ? options.regions * (receive + send) : 0;
  return options.queue_pairs * (receive + send + rings) + uneven;
}

absl::Status Check(const VirtioPeerOptions& options) {
  if (!std::has_single_bit(options.ring_size) || options.ring_size > 32768 / 2) {
    return absl::InvalidArgumentError(absl::StrCat("virtio peer: a ring of ", options.ring_size));
  }
  if (options.queue_pairs == 0 || options.queue_pairs > 128) {
    return absl::InvalidArgumentError("virtio peer: 1 to 128 queue pairs");
  }
  if (options.regions == 0 || options.regions > kMaxRegions) {
    return absl::InvalidArgumentError("virtio peer: 1 to 8 regions");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtioPeer>> VirtioPeer::Create(VirtioPeerOptions options) {
  const absl::Status sound = Check(options);
  if (!sound.ok()) return sound;
  std::unique_ptr<VirtioPeer> peer(new VirtioPeer(std::move(options)));
  const VirtioPeerOptions& wanted = peer->options_;
  auto memory = GuestMemory::Create(
      {.bytes = MemoryBytes(wanted), .regions = wanted.regions, .huge_pages = wanted.huge_pages});
  if (!memory.ok()) return memory.status();
  peer->memory_ = *std::move(memory);

  for (uint16_t i = 0; i < 2 * wanted.queue_pairs; ++i) {
    auto notifier = Notifier::Create();
    if (!notifier.ok()) return notifier.status();
    const bool receives = i % 2 == 0;
    peer->vrings_.push_back(
        {.layout = VringLayout::Allocate(*peer->memory_, wanted.ring_size),
         .notifier = *std::move(notifier),
         .arena = {*peer->memory_, wanted.ring_size,
                   receives ? wanted.receive_buffer_bytes : wanted.send_buffer_bytes},
         .queue = nullptr});
  }
  return peer;
}

VirtioPeer::~VirtioPeer() = default;

absl::Status VirtioPeer::Connect(const std::string& path, Rings rings) {
  return Begin(UnixStream::Connect(path, options_.timeout), rings);
}

absl::Status VirtioPeer::Listen(const std::string& path) {
  auto listener = UnixListener::Listen(path);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  return absl::OkStatus();
}

absl::Status VirtioPeer::Accept(Rings rings) {
  if (!listener_) return absl::FailedPreconditionError("virtio peer: Listen() first");
  return Begin(listener_->Accept(options_.timeout), rings);
}

absl::Status VirtioPeer::Begin(absl::StatusOr<UnixStream> stream, Rings rings) {
  if (!stream.ok()) return stream.status();
  client_.emplace(*std::move(stream), options_.timeout);
  const absl::Status negotiated = Negotiate();
  if (!negotiated.ok()) return negotiated;
  return Start(rings);
}

absl::Status VirtioPeer::Negotiate() {
  const auto offered = client_->Ask<uint64_t>(VhostUserRequest::kGetFeatures);
  if (!offered.ok()) return offered.status();
  const uint64_t several = options_.queue_pairs > 1 ? kNetMultiqueue : 0;
  features_ = *offered & (options_.features | several);
  protocol_features_ = 0;
  absl::Status status = absl::OkStatus();
  if (Has(kVhostProtocolFeatures)) status = NegotiateProtocol();
  if (status.ok() && several != 0 && !(Has(kNetMultiqueue) && HasProtocol(kVhostUserMq))) {
    status = absl::FailedPreconditionError(
        absl::StrCat(client_->name(), ": the back end has one queue pair"));
  }
  if (status.ok()) status = SetStatus(kDriverFound);
  if (status.ok()) status = client_->Tell(VhostUserRequest::kSetOwner, {}, {});
  if (status.ok()) status = client_->Tell(VhostUserRequest::kSetFeatures, features_);
  if (status.ok()) status = SetStatus(kFeaturesChosen);
  return status;
}

absl::Status VirtioPeer::NegotiateProtocol() {
  const auto offered = client_->Ask<uint64_t>(VhostUserRequest::kGetProtocolFeatures);
  if (!offered.ok()) return offered.status();
  protocol_features_ = *offered & options_.protocol_features;
  const absl::Status told =
      client_->Tell(VhostUserRequest::kSetProtocolFeatures, protocol_features_);
  if (!told.ok()) return told;
  if (HasProtocol(kVhostUserReplyAck)) client_->WantAcknowledgements();
  if (!HasProtocol(kVhostUserMq)) return absl::OkStatus();

  const auto queues = client_->Ask<uint64_t>(VhostUserRequest::kGetQueueNum);
  if (!queues.ok()) return queues.status();
  if (*queues >= options_.queue_pairs) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(client_->name(), ": the back end has ", *queues,
                                                    " queue pairs, not ", options_.queue_pairs));
}

absl::Status VirtioPeer::SetStatus(uint8_t status) {
  if (!HasProtocol(kVhostUserStatus)) return absl::OkStatus();
  return client_->Tell(VhostUserRequest::kSetStatus, uint64_t{status});
}

absl::Status VirtioPeer::Start(Rings rings) {
  if (rings == Rings::kReset) {
    MakeRings();
  } else if (ring_features_ != features_) {
    return absl::FailedPreconditionError(absl::StrCat(
        client_->name(), ": rings can't be kept: the back end's features are others than before"));
  } else {
    for (FrameReceiver& receiver : receivers_) receiver.Collect();
    for (FrameSender& sender : senders_) sender.InFlight();
  }
  absl::Status status = ShareMemory();
  const auto rings_count = static_cast<uint16_t>(vrings_.size());
  for (uint16_t i = 0; i < rings_count && status.ok(); ++i) status = SetUpRing(i);
  for (uint16_t i = 0; i < rings_count && status.ok() && Has(kVhostProtocolFeatures); ++i) {
    status =
        client_->Tell(VhostUserRequest::kSetVringEnable, VhostUserVringState{.index = i, .num = 1});
  }
  if (status.ok()) status = SetStatus(kDriverReady);
  // An acknowledgement is sent before all that a message leads to is done; the next answer comes
  // after.
  if (status.ok()) status = client_->Ask<uint64_t>(VhostUserRequest::kGetFeatures).status();
  return status;
}

absl::Status VirtioPeer::ShareMemory(uint16_t plugged) {
  VhostUserMemory table{};
  const auto user = reinterpret_cast<uint64_t>(memory_->data());
  std::vector<int> descriptors;
  for (const GuestMemory::Region& region : memory_->regions()) {
    table.region[table.regions++] = {.guest_address = region.address,
                                     .bytes = region.bytes,
                                     .user_address = user + region.offset,
                                     .mapping_offset = region.offset};
    descriptors.push_back(memory_->fd());
  }
  const uint64_t end = uint64_t{1} << 40;
  for (uint16_t i = 0; i < plugged; ++i) {
    VhostUserRegion alias = table.region[0];
    alias.guest_address = end + i * alias.bytes;
    alias.user_address = end + i * alias.bytes;
    table.region[table.regions++] = alias;
    descriptors.push_back(memory_->fd());
  }
  const size_t bytes = offsetof(VhostUserMemory, region) + table.regions * sizeof(VhostUserRegion);
  return client_->Tell(VhostUserRequest::kSetMemTable,
                       {reinterpret_cast<const uint8_t*>(&table), bytes}, descriptors);
}

absl::Status VirtioPeer::SetUpRing(uint16_t index) {
  const Vring& vring = vrings_[index];
  const VringLayout& layout = vring.layout;
  const VhostUserVringAddress address{.index = index,
                                      .flags = 0,
                                      .desc = reinterpret_cast<uint64_t>(layout.table.data),
                                      .used = reinterpret_cast<uint64_t>(layout.device.data),
                                      .avail = reinterpret_cast<uint64_t>(layout.driver.data),
                                      .log = 0};
  absl::Status status = client_->Tell(VhostUserRequest::kSetVringNum,
                                      VhostUserVringState{.index = index, .num = layout.size});
  if (status.ok()) {
    status = client_->Tell(VhostUserRequest::kSetVringBase,
                           VhostUserVringState{.index = index, .num = vring.queue->Base()});
  }
  if (status.ok()) status = client_->Tell(VhostUserRequest::kSetVringAddr, address);
  if (status.ok()) {
    status =
        client_->Tell(VhostUserRequest::kSetVringCall, uint64_t{index}, {vring.notifier.call_fd()});
  }
  if (status.ok()) {
    status =
        client_->Tell(VhostUserRequest::kSetVringKick, uint64_t{index}, {vring.notifier.kick_fd()});
  }
  return status;
}

absl::Status VirtioPeer::Stop() {
  for (uint16_t i = 0; i < vrings_.size(); ++i) {
    const auto base = client_->Ask<VhostUserVringState>(VhostUserRequest::kGetVringBase,
                                                        VhostUserVringState{.index = i, .num = 0});
    if (!base.ok()) return base.status();
  }
  return absl::OkStatus();
}

RingParts VirtioPeer::PartsOf(Vring& vring) {
  return {.memory = *memory_,
          .arena = vring.arena,
          .queue = *vring.queue,
          .notifier = vring.notifier,
          .header_bytes =
              Has(kVersion1 | kNetMergeable) ? sizeof(VirtioNetHeader) : kLegacyHeaderBytes};
}

void VirtioPeer::MakeRings() {
  receivers_.clear();
  senders_.clear();
  for (Vring& vring : vrings_) vring.queue = Virtqueue::Create(vring.layout, features_);
  for (uint16_t queue = 0; queue < options_.queue_pairs; ++queue) {
    receivers_.emplace_back(PartsOf(vrings_[ReceiveRing(queue)]), Has(kNetMergeable),
                            options_.receive_layout);
    senders_.emplace_back(PartsOf(vrings_[SendRing(queue)]));
  }
  ring_features_ = features_;
}

}  // namespace podwarp::test
