#include "port/vhost_guard.h"

#include <fcntl.h>
#include <rte_version.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "port/vhost_message.h"

namespace podwarp {
namespace {

constexpr uint64_t kMultiqueue = uint64_t{1} << 22;
constexpr uint64_t kLogAll = uint64_t{1} << 26;
constexpr uint64_t kPackedRings = uint64_t{1} << 34;
constexpr uint32_t kRingInFileMessage = 0xff;
constexpr uint32_t kRings = 2 * kMaxVhostQueuePairs;

struct RingState {
  uint32_t number;
  uint32_t value;
};
struct RingAddress {
  uint32_t ring;
  uint32_t flags;
  uint64_t descriptors;
  uint64_t used;
  uint64_t available;
  uint64_t log;
};
struct Region {
  uint64_t guest_address;
  uint64_t bytes;
  uint64_t user_address;
  uint64_t offset;
};
struct MemoryTable {
  uint32_t count;
  uint32_t padding;
  Region regions[8];
};
struct LogMemory {
  uint64_t bytes;
  uint64_t offset;
};

bool IsEventCounter(int fd) {
  char target[64];
  const ssize_t length =
      readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), target, sizeof(target));
  return length > 0 &&
         std::string_view(target, static_cast<size_t>(length)) == "anon_inode:[eventfd]";
}

// What a worker writes to interrupt the guest comes from the guest's side: anything but an event
// counter, or one that makes a writer wait, could hold the worker up for ever. It must never come
// to librte_vhost: a worker on its way there can't be called back.
bool MakeSafeToWrite(int fd) {
  if (!IsEventCounter(fd)) return false;
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

// As the specification wants them. An atomic access across two cache lines stops all cores.
bool IsAligned(const RingAddress& address, bool packed) {
  return address.descriptors % 16 == 0 && address.available % (packed ? 4 : 2) == 0 &&
         address.used % 4 == 0;
}

bool IsInFile(int fd, uint64_t offset, uint64_t bytes) {
  struct stat file;
  if (fstat(fd, &file) != 0 || bytes == 0 || offset + bytes < offset) return false;
  // A device has no size.
  return !S_ISREG(file.st_mode) || offset + bytes <= static_cast<uint64_t>(file.st_size);
}

// As librte_vhost will map it.
bool CanBeMapped(int fd, const Region& region) {
  if (!IsInFile(fd, region.offset, region.bytes)) return false;
  void* trial =
      mmap(nullptr, region.offset + region.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (trial == MAP_FAILED) return false;
  munmap(trial, region.offset + region.bytes);
  return true;
}

}  // namespace

// struct vhu_msg_context of librte_vhost. Handlers may rely on it to begin with the message; the
// room for a message's payload, whose largest is a crypto session, grew in 25.03.
constexpr size_t kPayloadRoom = RTE_VERSION >= RTE_VERSION_NUM(25, 3, 0, 0) ? 1072 : 632;
struct __attribute__((packed)) VhostGuard::Context {
  uint32_t request;
  uint32_t flags;
  uint32_t payload_bytes;
  uint8_t payload[kPayloadRoom];
  int files[8];
  int file_count;

  template <typename T>
  bool Read(T* value) const {
    if (payload_bytes < sizeof(T)) return false;
    std::memcpy(value, payload, sizeof(T));
    return true;
  }
};

bool VhostGuard::Admit(void* message) {
  auto* context = static_cast<Context*>(message);
  next_ = state_;
  if (IsAdmissible(*context)) return true;
  for (int i = 0; i < std::min(context->file_count, 8); ++i) close(context->files[i]);
  context->file_count = 0;
  return false;
}

bool VhostGuard::IsAdmissible(const Context& context) {
  uint64_t value = 0;
  RingState ring{};
  RingAddress address{};
  LogMemory log{};
  switch (context.request) {
    case kVhostGetFeatures:
    case kVhostSetOwner:
    case kVhostSetLogFd:
    case kVhostGetProtocolFeatures:
    case kVhostGetQueueNumber:
    case kVhostGetStatus:
    case kVhostSetBackendChannel:
      return true;
    case kVhostSetProtocolFeatures:
    case kVhostSendRarp:
    case kVhostSetMtu:
    case kVhostSetStatus:
      return context.Read(&value);
    case kVhostSetFeatures:
      return context.Read(&value) && AdmitFeatures(value);
    case kVhostSetMemoryTable:
      return AdmitMemory(context);
    case kVhostSetLogBase:
      // It adds the offset twice.
      return context.Read(&log) && context.file_count == 1 && log.offset == 0 &&
             IsInFile(context.files[0], 0, log.bytes);
    case kVhostSetRingSize:
      return context.Read(&ring) && AdmitSize(ring.number, ring.value);
    case kVhostSetRingAddress:
      return context.Read(&address) && address.ring < kRings &&
             IsAligned(address, (state_.features & kPackedRings) != 0);
    case kVhostSetRingBase:
      return context.Read(&ring) && AdmitBase(ring.number, ring.value);
    case kVhostGetRingBase:
      if (!context.Read(&ring) || ring.number >= kRings) return false;
      next_.rings[ring.number] = {};
      return true;
    case kVhostSetRingEnable:
      return context.Read(&ring) && ring.number < kRings;
    case kVhostSetRingKick:
      return context.Read(&value) && AdmitStart(value & kRingInFileMessage);
    case kVhostSetRingCall:
      return context.Read(&value) && (value & kRingInFileMessage) < kRings &&
             (context.file_count != 1 || MakeSafeToWrite(context.files[0]));
    case kVhostSetRingError:
      return context.Read(&value) && (value & kRingInFileMessage) < kRings;
    default:
      return false;
  }
}

bool VhostGuard::AdmitFeatures(uint64_t features) {
  const uint64_t changes = (features ^ state_.features) & ~kLogAll;
  if (state_.IsAnyStarted() && changes != 0) return false;
  next_.features = features;
  // What librte_vhost keeps about rings is made for the features at that time.
  const uint32_t kept = changes != 0 ? 0 : (features & kMultiqueue) == 0 ? 2 : kRings;
  std::fill(next_.rings.begin() + kept, next_.rings.end(), Ring{});
  return true;
}

// Once librte_vhost finds that it can't map the new memory, it has unmapped what was there before,
// and workers still look there. So nothing may change in between: a seal against writing could.
bool VhostGuard::AdmitMemory(const Context& context) const {
  MemoryTable table{};
  std::memcpy(&table, context.payload, sizeof(table));
  if (table.count == 0 || table.count > 8 || context.file_count != static_cast<int>(table.count) ||
      context.payload_bytes < 8 + table.count * sizeof(Region)) {
    return false;
  }
  for (uint32_t i = 0; i < table.count; ++i) {
    const Region& region = table.regions[i];
    const int fd = context.files[i];
    if ((region.user_address - region.offset) % 4096 != 0 || !CanBeMapped(fd, region)) return false;
    const int seals = fcntl(fd, F_GET_SEALS);
    if (state_.IsAnyStarted() && seals >= 0 && (seals & F_SEAL_SEAL) == 0) return false;
  }
  return true;
}

bool VhostGuard::AdmitSize(uint32_t number, uint32_t entries) {
  if (number >= kRings || state_.rings[number].is_started || entries < kMinVhostRingEntries ||
      entries > kMaxVhostRingEntries) {
    return false;
  }
  next_.rings[number].entries = entries;
  state_.rings[number].entries = 0;  // should there be no memory for them
  return true;
}

bool VhostGuard::AdmitBase(uint32_t number, uint32_t base) {
  if (number >= kRings || state_.rings[number].is_started) return false;
  next_.rings[number].base = base;
  return true;
}

bool VhostGuard::AdmitStart(uint32_t number) {
  if (number >= kRings) return false;
  const Ring& ring = state_.rings[number];
  const bool packed = (state_.features & kPackedRings) != 0;
  next_.rings[number].is_started = true;
  // Of a packed ring the uppermost bit is the wrap counter; the rest is not looked at again.
  return ring.entries != 0 && (!packed || (ring.base & 0x7fff) < ring.entries);
}

bool VhostGuard::State::IsAnyStarted() const {
  return std::ranges::any_of(rings, [](const Ring& ring) { return ring.is_started; });
}

}  // namespace podwarp
