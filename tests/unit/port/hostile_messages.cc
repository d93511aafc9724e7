// What a hostile guest says, and does not say, over its socket.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "unit/port/hostile_guest.h"

namespace podwarp::test {
namespace {

constexpr absl::Duration kAtOnce = absl::ZeroDuration();
constexpr uint64_t kCounterFull = 0xffff'ffff'ffff'fffe;  // eventfd(2): one more has a writer wait

std::vector<uint8_t> Encode(uint32_t request, uint32_t flags, std::span<const uint8_t> payload) {
  const VhostUserHeader header{
      .request = request, .flags = flags, .payload_bytes = static_cast<uint32_t>(payload.size())};
  std::vector<uint8_t> message(sizeof(header) + payload.size());
  std::memcpy(message.data(), &header, sizeof(header));
  if (!payload.empty()) std::memcpy(&message[sizeof(header)], payload.data(), payload.size());
  return message;
}

template <typename T>
void Put(std::vector<uint8_t>& bytes, size_t offset, T value) {
  if (offset + sizeof(value) <= bytes.size()) std::memcpy(&bytes[offset], &value, sizeof(value));
}

}  // namespace

void HostileGuest::Post(VhostUserRequest request, std::span<const uint8_t> payload,
                        const std::vector<int>& descriptors) {
  // Whoever gets no acknowledgement is hung up on for the first thing that is refused.
  const uint32_t acknowledge = chance_.OneIn(16) ? 0 : kVhostUserNeedReply;
  const auto number = static_cast<uint32_t>(request);
  peer_->client()
      .SendRaw(Encode(number, kVhostUserVersion | acknowledge, payload), descriptors)
      .IgnoreError();
}

void HostileGuest::PostMemory(const VhostUserMemory& table, size_t descriptors) {
  const size_t regions = std::min<size_t>(table.regions, 8);
  const size_t bytes = offsetof(VhostUserMemory, region) + regions * sizeof(VhostUserRegion);
  Post(VhostUserRequest::kSetMemTable, {reinterpret_cast<const uint8_t*>(&table), bytes},
       std::vector<int>(descriptors, peer_->memory().fd()));
}

VhostUserMemory HostileGuest::SoundTable() const {
  const GuestMemory& memory = peer_->memory();
  VhostUserMemory table{};
  for (const GuestMemory::Region& region : memory.regions()) {
    table.region[table.regions++] = {
        .guest_address = region.address,
        .bytes = region.bytes,
        .user_address = reinterpret_cast<uint64_t>(memory.data()) + region.offset,
        .mapping_offset = region.offset};
  }
  return table;
}

uint32_t HostileGuest::AnyIndex() {
  static constexpr uint32_t kIndexes[] = {6, 31, 32, 33, 255, 256, 257, 0x8000'0000, 0xffff'ffff};
  return chance_.OneIn(6) ? chance_.Of(kIndexes) : chance_.Below(2 * peer_->queue_pairs());
}

uint64_t HostileGuest::AnyUserAddress() {
  const auto start = reinterpret_cast<uint64_t>(peer_->memory().data());
  const uint64_t bytes = peer_->memory().bytes();
  const VringLayout& ring = AnyVring().layout;
  const uint64_t places[] = {start,
                             start + bytes,
                             start + bytes - 16 * chance_.Below(600),
                             start + chance_.Below(bytes),
                             reinterpret_cast<uint64_t>(ring.table.data),
                             reinterpret_cast<uint64_t>(ring.driver.data),
                             reinterpret_cast<uint64_t>(ring.device.data),
                             uint64_t{0},
                             chance_.Any()};
  return chance_.Of(places);
}

int HostileGuest::AnyFile() {
  int ends[2] = {-1, -1};
  switch (chance_.Below(11)) {
    case 0:  // full: whoever writes to it waits
      files_.emplace_back(eventfd(0, 0));
      eventfd_write(files_.back().get(), kCounterFull);
      break;
    case 1:  // nobody reads: whoever writes to it gets SIGPIPE
      if (pipe(ends) == 0) close(ends[0]);
      files_.emplace_back(ends[1]);
      break;
    case 2: {  // full
      if (pipe(ends) != 0) break;
      files_.emplace_back(ends[0]);
      files_.emplace_back(ends[1]);
      fcntl(ends[1], F_SETFL, O_NONBLOCK);
      const std::vector<char> bytes(1 << 16);
      while (write(ends[1], bytes.data(), bytes.size()) > 0) {
      }
      fcntl(ends[1], F_SETFL, 0);
      break;
    }
    case 3:
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) break;
      files_.emplace_back(ends[0]);
      files_.emplace_back(ends[1]);
      break;
    case 4:
      files_.emplace_back(open("/dev/null", O_RDWR));
      break;
    case 5:
      files_.emplace_back(open("/", O_RDONLY));
      break;
    case 6:
      files_.emplace_back(open("/dev/zero", O_PATH));
      break;
    case 7:
      files_.emplace_back(epoll_create1(0));
      break;
    case 8:
      files_.emplace_back(memfd_create("hostile", 0));
      break;
    case 9:
      return peer_->memory().fd();
    default:
      files_.emplace_back(eventfd(0, chance_.OneIn(2) ? EFD_NONBLOCK : 0));
      break;
  }
  return files_.back().get();
}

std::vector<int> HostileGuest::AnyFiles() {
  std::vector<int> files;
  for (uint32_t count = chance_.OneIn(2) ? chance_.Below(2) : chance_.Below(12); count > 0;
       --count) {
    files.push_back(AnyFile());
  }
  return files;
}

VhostUserRequest HostileGuest::AnyRequest() {
#define PODWARP_REQUEST(name, number, text) VhostUserRequest::name,
  static constexpr VhostUserRequest kRequests[] = {PODWARP_VHOST_USER_REQUESTS(PODWARP_REQUEST)};
#undef PODWARP_REQUEST
  if (!chance_.OneIn(8)) return chance_.Of(kRequests);
  return static_cast<VhostUserRequest>(chance_.OneIn(2) ? chance_.Below(64) : chance_.Any());
}

// The payload is as long as it should be, or not, and begins with something like a ring's index.
std::vector<uint8_t> HostileGuest::AnyMessage(VhostUserRequest request, bool has_files) {
  static constexpr size_t kLengths[] = {0, 4, 8, 8, 8, 16, 24, 40, 40, 72, 264, 268, 300};
  std::vector<uint8_t> payload(chance_.OneIn(10) ? chance_.Below(5000) : chance_.Of(kLengths));
  for (uint8_t& byte : payload) byte = chance_.OneIn(2) ? uint8_t{0} : chance_.Byte();
  Put(payload, 0, AnyIndex());
  if (chance_.OneIn(2)) Put(payload, 4, chance_.OneIn(2) ? 1u : chance_.Below(1024));
  if (chance_.OneIn(4)) {
    for (size_t at = 8; at < payload.size(); at += 8) Put(payload, at, AnyUserAddress());
  }
  // librte_vhost forgets the descriptors that come with a ring of which it can have none.
  if (has_files) {
    payload.resize(std::max<size_t>(payload.size(), 24));
    Put(payload, 0, AnyIndex() % 256);
    Put(payload, 16, static_cast<uint16_t>(1 + chance_.Below(256)));
  }
  // Not more than a machine that runs tests can spare: 16 rings of 1,024 entries.
  if (request == VhostUserRequest::kGetInflightFd) {
    Put(payload, 16, static_cast<uint16_t>(chance_.Below(17)));
    Put(payload, 18, static_cast<uint16_t>(chance_.Below(1025)));
  }
  const uint32_t flags = chance_.OneIn(8)
                             ? static_cast<uint32_t>(chance_.Any())
                             : kVhostUserVersion | (chance_.Any() & kVhostUserNeedReply);
  std::vector<uint8_t> message = Encode(static_cast<uint32_t>(request), flags, payload);
  if (!has_files && chance_.OneIn(16)) {
    Put(message, offsetof(VhostUserHeader, payload_bytes), chance_.Any());
  }
  return message;
}

void HostileGuest::Restart(uint32_t ring) {
  const Notifier& notifier = peer_->vring(static_cast<uint16_t>(ring)).notifier;
  Post(VhostUserRequest::kSetVringCall, uint64_t{ring}, {notifier.call_fd()});
  Post(VhostUserRequest::kSetVringKick, uint64_t{ring}, {notifier.kick_fd()});
  Post(VhostUserRequest::kSetVringEnable, VhostUserVringState{.index = ring, .num = 1});
}

void HostileGuest::RingPlaces() {
  for (uint32_t rounds = 1 + chance_.Below(6); rounds > 0; --rounds) {
    const uint32_t ring = chance_.Below(2 * peer_->queue_pairs());
    const uint64_t same = AnyUserAddress();
    const bool overlap = chance_.OneIn(2);
    const auto place = [&] { return overlap ? same + chance_.Below(64) : AnyUserAddress(); };
    if (chance_.OneIn(2)) {
      Post(VhostUserRequest::kGetVringBase, VhostUserVringState{.index = ring, .num = 0});
    }
    Post(VhostUserRequest::kSetVringAddr, VhostUserVringAddress{.index = ring,
                                                                .flags = chance_.Below(2),
                                                                .desc = place(),
                                                                .used = place(),
                                                                .avail = place(),
                                                                .log = chance_.Any()});
    Restart(ring);
    ScribbleMemory();
    ScribbleRing(AnyVring());
    PublishAll(AnyVring().layout);
    Linger();
  }
}

void HostileGuest::Departures() {
  Traffic();
  peer_->Send(0, frames_);
  if (chance_.OneIn(2)) Linger();
  peer_->Disconnect();
  // Once more, and not even to the end of the beginning.
  auto stream = UnixStream::Connect(socket_, absl::Seconds(1));
  if (!stream.ok()) return;
  for (uint32_t messages = chance_.Below(6); messages > 0; --messages) {
    const auto request = static_cast<VhostUserRequest>(1 + chance_.Below(18));
    stream->Send(AnyMessage(request, false), {}, kAtOnce).IgnoreError();
  }
}

void HostileGuest::Messages() {
  if (chance_.OneIn(2)) Traffic();
  for (uint32_t count = 1 + chance_.Below(20); count > 0; --count) {
    const std::vector<int> files = AnyFiles();
    peer_->client().SendRaw(AnyMessage(AnyRequest(), !files.empty()), files).IgnoreError();
    if (chance_.OneIn(4)) Linger();
  }
}

void HostileGuest::Fragments() {
  auto stream = UnixStream::Connect(socket_, absl::Seconds(1));
  if (!stream.ok()) return;
  const std::vector<int> files = AnyFiles();
  const std::vector<uint8_t> message = AnyMessage(AnyRequest(), !files.empty());
  const std::span<const uint8_t> part(message.data(), chance_.Below(message.size()));
  stream->Send(part, files, kAtOnce).IgnoreError();
  // It stays and says no more, or leaves.
  if (chance_.OneIn(4)) crowd_.push_back(*std::move(stream));
}

void HostileGuest::Notifiers() {
  for (uint16_t i = 0; i < 2 * peer_->queue_pairs(); ++i) peer_->vring(i).queue->CallAlways();
  for (uint32_t rounds = 1 + chance_.Below(6); rounds > 0; --rounds) {
    const uint32_t ring = chance_.Below(2 * peer_->queue_pairs());
    const auto request =
        chance_.OneIn(2) ? VhostUserRequest::kSetVringCall : VhostUserRequest::kSetVringKick;
    Post(request, uint64_t{ring}, {AnyFile()});
    Traffic();
  }
}

void HostileGuest::MemoryTables() {
  for (uint32_t rounds = 1 + chance_.Below(5); rounds > 0; --rounds) {
    VhostUserMemory table = SoundTable();
    VhostUserRegion& region = table.region[chance_.Below(table.regions)];
    size_t descriptors = table.regions;
    switch (chance_.Below(11)) {
      case 0:
        region.bytes += chance_.OneIn(2) ? 4096 : uint64_t{1} << chance_.Below(64);
        break;
      case 1:
        region.guest_address = uint64_t{0} - chance_.Below(region.bytes);
        break;
      case 2:
        region.user_address = uint64_t{0} - chance_.Below(region.bytes);
        break;
      case 3:  // overlapping
        table.region[table.regions] = region;
        table.region[table.regions].guest_address += chance_.Below(region.bytes);
        descriptors = ++table.regions;
        break;
      case 4:
        region.mapping_offset = chance_.OneIn(2) ? chance_.Any() : chance_.Below(100);
        break;
      case 5:
        region.bytes = chance_.Below(3);
        break;
      case 6:
        table.regions = chance_.OneIn(2) ? static_cast<uint32_t>(chance_.Any()) : chance_.Below(12);
        descriptors = chance_.Below(12);
        break;
      case 7:
        descriptors = chance_.Below(12);
        break;
      case 8:
        region.guest_address = chance_.Any();
        break;
      case 9:  // moved: mapped anew under a running worker
        for (VhostUserRegion& moved : table.region) moved.guest_address += 4096;
        break;
      default:
        break;  // the same again
    }
    PostMemory(table, descriptors);
    Linger();
    ScribbleMemory();
    VirtioPeer::Vring& vring = AnyVring();
    ScribbleRing(vring);
    PublishAll(vring.layout);
    if (chance_.OneIn(2)) Restart(chance_.Below(2 * peer_->queue_pairs()));
    Linger();
  }
}

void HostileGuest::Settings() {
  static constexpr uint32_t kSizes[] = {0, 1, 2, 3, 64, 512, 4096, 32'768, 65'536, 0xffff'ffff};
  static constexpr uint32_t kBases[] = {0, 1, 255, 256, 4096, 0x7fff, 0x8000, 0x80ff, 0xffff};
  static constexpr uint64_t kMtus[] = {0, 67, 68, 1500, 65'535, 65'536};
  Traffic();
  for (uint32_t rounds = 1 + chance_.Below(12); rounds > 0; --rounds) {
    VhostUserVringState state{.index = AnyIndex(), .num = chance_.Below(3)};
    switch (chance_.Below(10)) {
      case 0:
      case 1:
        state.num = chance_.Of(kSizes);
        Post(VhostUserRequest::kSetVringNum, state);
        break;
      case 2:
      case 3:
        state.num = chance_.Of(kBases);
        Post(VhostUserRequest::kSetVringBase, state);
        break;
      case 4:
        Post(VhostUserRequest::kGetVringBase, state);
        if (chance_.OneIn(2)) {
          Post(VhostUserRequest::kSetFeatures, peer_->features() ^ kRingPacked);
        }
        break;
      case 5:
        Post(VhostUserRequest::kSetFeatures, peer_->features() & chance_.Any());
        break;
      case 6:
        Post(VhostUserRequest::kSetVringEnable, state);
        break;
      case 7:
        Post(VhostUserRequest::kResetOwner, std::span<const uint8_t>());
        break;
      case 8:
        Post(VhostUserRequest::kNetSetMtu, chance_.Of(kMtus));
        Post(VhostUserRequest::kSendRarp, chance_.Any());
        break;
      default:
        Post(VhostUserRequest::kSetProtocolFeatures, peer_->protocol_features() & chance_.Any());
        break;
    }
    if (chance_.OneIn(2)) Restart(chance_.Below(2 * peer_->queue_pairs()));
    if (chance_.OneIn(2)) {
      VirtioPeer::Vring& vring = AnyVring();
      ScribbleRing(vring);
      PublishAll(vring.layout);
    }
    Linger();
  }
}

void HostileGuest::Crowds() {
  const std::vector<uint8_t> question =
      Encode(static_cast<uint32_t>(VhostUserRequest::kGetFeatures), kVhostUserVersion, {});
  for (uint32_t count = 1 + chance_.Below(20); count > 0; --count) {
    auto stream = UnixStream::Connect(socket_, absl::Seconds(1));
    if (!stream.ok()) break;
    // Some ask more than their answers have room for, and never listen.
    uint32_t questions = chance_.OneIn(20) ? 2000 : chance_.Below(40);
    while (questions-- > 0 && stream->Send(question, {}, kAtOnce).ok()) {
    }
    crowd_.push_back(*std::move(stream));
  }
}

}  // namespace podwarp::test
