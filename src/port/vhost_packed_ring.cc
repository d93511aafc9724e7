// Theory of operation
//
// As with split rings, buffers are taken in runs of plain ones; here a run also ends where the ring
// does, so that one wrap counter goes for all of it. A run's descriptors are given back last to
// first: the guest, which waits for the first, then finds all of them, and their cache lines come
// to it only once.
//
// A buffer's used descriptor takes the place of its first one; the guest knows how many it had.
#include "port/vhost_packed_ring.h"

#include <algorithm>

#include "port/vhost_frame.h"

namespace podwarp {
namespace {

constexpr uint16_t kRound = kDescriptorAvailable | kDescriptorUsed;
constexpr uint16_t kKind = kDescriptorNext | kDescriptorIndirect | kDescriptorWrite;

// The flags of descriptors in the round of this wrap counter: see 2.8.1.
uint16_t AvailableFlags(bool wrap) { return wrap ? kDescriptorAvailable : kDescriptorUsed; }
uint16_t UsedFlags(bool wrap) { return wrap ? kRound : uint16_t{0}; }

// Each of its two words is read once, in one piece: first that with the flags, which the guest
// writes last.
PackedDescriptor Read(const PackedDescriptor* from) {
  const auto* words = reinterpret_cast<const uint64_t*>(from);
  const uint64_t rest = LoadAcquire(&words[1]);
  return {.address = LoadOnce(&words[0]),
          .bytes = static_cast<uint32_t>(rest),
          .id = static_cast<uint16_t>(rest >> 32),
          .flags = static_cast<uint16_t>(rest >> 48)};
}

void Use(const VhostRing& ring, uint16_t place, uint16_t id, uint32_t bytes, uint16_t flags) {
  auto* words = reinterpret_cast<uint64_t*>(&ring.packed[place]);
  StoreRelease(&words[1], bytes | uint64_t{id} << 32 | uint64_t{flags} << 48);
}

void Advance(VhostRing& ring, uint16_t count) {
  ring.next = static_cast<uint16_t>(ring.next + count);
  if (ring.next < ring.size) return;
  ring.next = static_cast<uint16_t>(ring.next - ring.size);
  ring.wrap = !ring.wrap;
}

// A buffer that is a chain of descriptors, in the ring or in an indirect table.
class Chain {
 public:
  // `access` is kDescriptorWrite, or 0 for what is to be read.
  Chain(const VhostRing& ring, uint16_t access, VhostPieces* pieces)
      : ring_(ring), access_(access), pieces_(*pieces) {}

  // How many descriptors the chain has that begins `ahead` of ring.next; 0 if there is none, or no
  // end to it.
  uint16_t Measure(uint16_t ahead) const {
    const bool wraps = ring_.next + ahead >= ring_.size;
    const PackedDescriptor first = Read(At(ahead));
    if ((first.flags & kRound) != AvailableFlags(ring_.wrap != wraps)) return 0;
    uint16_t count = 1;
    for (uint16_t flags = first.flags; (flags & kDescriptorNext) != 0; ++count) {
      if (ahead + count >= ring_.size) return 0;
      flags = Read(At(static_cast<uint16_t>(ahead + count))).flags;
    }
    return count;
  }

  // Sets *id in any case. False if the chain can't be followed.
  bool Follow(uint16_t ahead, uint16_t count, uint16_t* id) {
    bool is_good = true;
    for (uint16_t i = 0; i < count; ++i) {
      const PackedDescriptor descriptor = Read(At(static_cast<uint16_t>(ahead + i)));
      *id = descriptor.id;  // the last one's is the buffer's
      is_good =
          is_good && ((descriptor.flags & kDescriptorIndirect) != 0 ? FollowIndirect(descriptor)
                                                                    : Add(descriptor));
    }
    return is_good;
  }

 private:
  const PackedDescriptor* At(uint16_t ahead) const {
    const int place = ring_.next + ahead;
    return &ring_.packed[place < ring_.size ? place : place - ring_.size];
  }

  // All entries of the table, in their order; flags other than that for writing mean nothing there.
  bool FollowIndirect(const PackedDescriptor& table) {
    const uint32_t entries = table.bytes / sizeof(PackedDescriptor);
    if (entries == 0 || entries > ring_.size) return false;
    for (uint32_t i = 0; i < entries; ++i) {
      PackedDescriptor descriptor;
      const uint64_t at = table.address + i * sizeof(descriptor);
      if (!ring_.memory.Read(at, &descriptor, sizeof(descriptor))) return false;
      if (!Add(descriptor)) return false;
    }
    return true;
  }

  bool Add(const PackedDescriptor& descriptor) {
    return (descriptor.flags & kDescriptorWrite) == access_ &&
           pieces_.Add(descriptor.address, descriptor.bytes);
  }

  const VhostRing& ring_;
  const uint16_t access_;
  VhostPieces& pieces_;
};

// A plain buffer, found and checked.
struct Found {
  uint8_t* data;
  uint32_t bytes;
  uint16_t id;
};

// The buffer at `place`, in the round that ring.next is in, if there is one and it is plain.
[[gnu::always_inline]] inline bool FindPlain(const VhostRing& ring, uint16_t place, uint16_t access,
                                             VhostAddressFinder& finder, Found* found) {
  const PackedDescriptor descriptor = Read(&ring.packed[place]);
  if ((descriptor.flags & (kRound | kKind)) != (AvailableFlags(ring.wrap) | access)) return false;
  *found = {.data = finder.Find(descriptor.address, descriptor.bytes),
            .bytes = descriptor.bytes,
            .id = descriptor.id};
  return found->data != nullptr;
}

// The run of plain buffers that begins at ring.next; some may be dropped. How many buffers, or -1
// if there are no mbufs for them.
int ReceivePlain(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t limit,
                 uint16_t* received) {
  Found found[kVhostBurst];
  const uint32_t header = ring.header_bytes;
  const uint32_t most = header + FrameRoom(pool);
  VhostAddressFinder finder(ring.memory);
  uint16_t count = 0;
  for (; count < limit; ++count) {
    Found& buffer = found[count];
    if (!FindPlain(ring, static_cast<uint16_t>(ring.next + count), 0, finder, &buffer)) break;
    if (buffer.bytes <= header || buffer.bytes > most) break;
    if (count < kFetchAhead) FetchToRead(buffer.data, header);
  }
  if (count == 0) return 0;
  if (rte_mempool_get_bulk(pool, reinterpret_cast<void**>(frames), count) != 0) return -1;
  uint16_t good = 0;
  for (uint16_t i = 0; i < count; ++i) {
    if (i + kFetchAhead < count) FetchToRead(found[i + kFetchAhead].data, header);
    if (CopyFromGuest(ring, found[i].data, found[i].bytes, frames[good])) ++good;
  }
  if (good < count) {
    rte_mempool_put_bulk(pool, reinterpret_cast<void**>(frames + good), count - good);
  }
  const uint16_t flags = UsedFlags(ring.wrap);
  for (uint16_t i = count; i-- > 0;) {
    Use(ring, static_cast<uint16_t>(ring.next + i), found[i].id, 0, flags);
  }
  Advance(ring, count);
  *received = static_cast<uint16_t>(*received + good);
  return count;
}

uint16_t TransmitPlain(VhostRing& ring, rte_mbuf** frames, uint16_t limit) {
  Found found[kVhostBurst];
  VhostAddressFinder finder(ring.memory);
  uint16_t count = 0;
  for (; count < limit; ++count) {
    Found& buffer = found[count];
    const auto place = static_cast<uint16_t>(ring.next + count);
    if (!FindPlain(ring, place, kDescriptorWrite, finder, &buffer)) break;
    const uint32_t needed = ring.header_bytes + frames[count]->pkt_len;
    if (frames[count]->nb_segs != 1 || needed > buffer.bytes) break;
    if (count < kFetchAhead) FetchToWrite(buffer.data, ring.header_bytes);
  }
  for (uint16_t i = 0; i < count; ++i) {
    if (i + kFetchAhead < count) FetchToWrite(found[i + kFetchAhead].data, ring.header_bytes);
    CopyToGuest(ring, frames[i], found[i].data);
  }
  const auto flags = static_cast<uint16_t>(UsedFlags(ring.wrap) | kDescriptorWrite);
  for (uint16_t i = count; i-- > 0;) {
    Use(ring, static_cast<uint16_t>(ring.next + i), found[i].id,
        ring.header_bytes + frames[i]->pkt_len, flags);
  }
  Advance(ring, count);
  return count;
}

// One buffer of any kind. False if there is none, or nothing can be done with it.
bool ReceiveChain(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t* received) {
  VhostPieces pieces(ring.memory);
  Chain chain(ring, 0, &pieces);
  const uint16_t descriptors = chain.Measure(0);
  if (descriptors == 0) return false;
  rte_mbuf* const frame = rte_pktmbuf_alloc(pool);
  if (frame == nullptr) return false;
  uint16_t id = 0;
  if (chain.Follow(0, descriptors, &id) && FrameFromPieces(ring, pieces, frame)) {
    frames[(*received)++] = frame;
  } else {
    rte_pktmbuf_free(frame);
  }
  Use(ring, ring.next, id, 0, UsedFlags(ring.wrap));
  Advance(ring, descriptors);
  return true;
}

// One frame of any kind, to as many buffers as it takes. False if there aren't enough.
bool TransmitChain(VhostRing& ring, rte_mbuf* frame) {
  struct Taken {
    uint16_t ahead;
    uint16_t id;
    uint32_t bytes;
  };
  constexpr uint16_t kMaxBuffers = 256;
  Taken taken[kMaxBuffers];
  const uint16_t limit = ring.is_mergeable ? kMaxBuffers : uint16_t{1};
  const uint64_t needed = uint64_t{ring.header_bytes} + frame->pkt_len;
  VhostPieces pieces(ring.memory);
  Chain chain(ring, kDescriptorWrite, &pieces);
  uint16_t count = 0;
  uint16_t ahead = 0;
  while (pieces.bytes() < needed) {
    if (count == limit || ahead >= ring.size) return false;
    const uint64_t before = pieces.bytes();
    const uint16_t descriptors = chain.Measure(ahead);
    Taken& buffer = taken[count++];
    if (descriptors == 0 || !chain.Follow(ahead, descriptors, &buffer.id)) return false;
    buffer.ahead = ahead;
    buffer.bytes = static_cast<uint32_t>(std::min(pieces.bytes(), needed) - before);
    ahead = static_cast<uint16_t>(ahead + descriptors);
  }
  FrameToPieces(ring, frame, count, pieces);
  for (uint16_t i = count; i-- > 0;) {
    const int place = ring.next + taken[i].ahead;
    const bool wraps = place >= ring.size;
    Use(ring, static_cast<uint16_t>(wraps ? place - ring.size : place), taken[i].id, taken[i].bytes,
        static_cast<uint16_t>(UsedFlags(ring.wrap != wraps) | kDescriptorWrite));
  }
  Advance(ring, ahead);
  return true;
}

}  // namespace

uint16_t ReceivePacked(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t capacity) {
  const uint16_t before = ring.next;
  uint16_t received = 0;
  bool has_used = false;
  // What is dropped counts too, so that this ends.
  for (int left = std::min(capacity, kVhostBurst); left > 0;) {
    const auto limit = static_cast<uint16_t>(std::min(left, ring.size - ring.next));
    const int plain = ReceivePlain(ring, pool, frames + received, limit, &received);
    if (plain < 0) break;
    left -= plain;
    has_used |= plain > 0;
    if (plain == limit) continue;
    if (!ReceiveChain(ring, pool, frames, &received)) break;
    --left;
    has_used = true;
  }
  if (has_used) ring.CallGuest(before);
  return received;
}

uint16_t TransmitPacked(VhostRing& ring, rte_mbuf** frames, uint16_t count) {
  const uint16_t before = ring.next;
  uint16_t sent = 0;
  while (sent < count) {
    const uint16_t limit = std::min({static_cast<uint16_t>(ring.size - ring.next),
                                     static_cast<uint16_t>(count - sent), kVhostBurst});
    const uint16_t plain = TransmitPlain(ring, frames + sent, limit);
    sent = static_cast<uint16_t>(sent + plain);
    if (plain == limit) continue;
    if (!TransmitChain(ring, frames[sent])) break;
    ++sent;
  }
  if (sent > 0) ring.CallGuest(before);
  return sent;
}

}  // namespace podwarp
