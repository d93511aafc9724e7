// A guest that is out to harm whoever serves it: it breaks the vhost-user protocol, and writes into
// its rings and its memory what no driver would. It waits for nothing and believes nothing.
//
// Three things it leaves out, since librte_vhost of DPDK 22.11 has no answer to them:
//   - mergeable buffers on split rings: an available index that is further ahead than the ring is
//     long has rte_vhost_enqueue_burst() write behind an array of its own;
//   - a call descriptor that is made to block its writer after it was looked at;
//   - descriptors with a message about a ring above the 256th: librte_vhost never closes them.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "support/chance.h"
#include "support/virtio_peer.h"

namespace podwarp::test {

// What it does on one visit.
#define PODWARP_MISCHIEFS(X)                                                                \
  X(Descriptors)  /* random ones, direct and indirect, while they are being read */         \
  X(Loops)        /* chains that don't end, direct and indirect */                          \
  X(Indexes)      /* both sides' indexes, flags and event suppression */                    \
  X(RingPlaces)   /* rings that overlap, stand nowhere or at a region's end */              \
  X(Headers)      /* virtio headers and frames that don't fit each other */                 \
  X(Departures)   /* leaves in the midst of a burst or of a message */                      \
  X(Messages)     /* of any kind, with any payload and any descriptors */                   \
  X(Fragments)    /* parts of messages */                                                   \
  X(Notifiers)    /* kick and call descriptors that are no event counters, or nasty ones */ \
  X(MemoryTables) /* regions that overlap, wrap round, are not there, come again */         \
  X(Truncation)   /* takes its memory away */                                               \
  X(Settings)     /* changes what must not change while a ring runs */                      \
  X(Crowds)       /* many connections; one that asks and reads no answer */

enum class Mischief : uint8_t {
#define PODWARP_MISCHIEF(name) k##name,
  PODWARP_MISCHIEFS(PODWARP_MISCHIEF)
#undef PODWARP_MISCHIEF
};
inline constexpr Mischief kMischiefs[] = {
#define PODWARP_MISCHIEF(name) Mischief::k##name,
    PODWARP_MISCHIEFS(PODWARP_MISCHIEF)
#undef PODWARP_MISCHIEF
};
const char* ToString(Mischief mischief);
void PrintTo(Mischief mischief, std::ostream* out);

class HostileGuest {
 public:
  // `frames` are sound: what it starts from.
  HostileGuest(std::string socket, uint64_t seed, std::vector<GuestFrame> frames);

  // Connects anew, as some guest or other, does it, and leaves or stays until the next visit.
  // Errors: it can't connect any more, within half a minute.
  absl::Status Visit(Mischief mischief);
  void Leave();

 private:
#define PODWARP_MISCHIEF(name) void name();
  PODWARP_MISCHIEFS(PODWARP_MISCHIEF)
#undef PODWARP_MISCHIEF

  absl::Status Connect();
  VirtioPeerOptions AnyOptions();

  // Sound traffic, for as long as the rings are sound.
  void Traffic();
  VirtioPeer::Vring& AnyVring();
  // To give those who poll the rings a chance to see them as they are.
  void Linger();

  // --- Rings. ---
  uint64_t AnyAddress();  // guest-physical; mostly somewhere near something
  uint32_t AnyLength();
  VirtqDesc AnyDescriptor();
  PvirtqDesc AnyPackedDescriptor();
  void ScribbleMemory();
  void ScribbleRing(VirtioPeer::Vring& vring);
  void PublishAll(const VringLayout& ring);

  // --- Messages: without waiting for what becomes of them. ---
  void Post(VhostUserRequest request, std::span<const uint8_t> payload,
            const std::vector<int>& descriptors = {});
  template <typename T>
  void Post(VhostUserRequest request, const T& payload, const std::vector<int>& descriptors = {}) {
    Post(request, {reinterpret_cast<const uint8_t*>(&payload), sizeof(payload)}, descriptors);
  }
  void PostMemory(const VhostUserMemory& table, size_t descriptors);
  VhostUserMemory SoundTable() const;
  std::vector<uint8_t> AnyMessage(VhostUserRequest request, bool has_files);
  VhostUserRequest AnyRequest();
  uint32_t AnyIndex();        // of a ring
  uint64_t AnyUserAddress();  // as SET_VRING_ADDR counts
  int AnyFile();              // open until the next visit
  std::vector<int> AnyFiles();
  void Restart(uint32_t ring);  // kick, call, enable

  const std::string socket_;
  const std::vector<GuestFrame> frames_;
  Chance chance_;
  std::unique_ptr<VirtioPeer> peer_;
  std::vector<FileDescriptor> files_;
  std::vector<UnixStream> crowd_;
};

}  // namespace podwarp::test
