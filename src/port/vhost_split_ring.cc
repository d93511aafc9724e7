// Theory of operation
//
// The guest's next buffers are taken in runs of plain ones: first all their descriptors are read
// and checked and the buffers fetched, then all are copied. A buffer that isn't plain ends the run
// and is followed piece by piece. What was used is shown to the guest once, at the burst's end.
#include "port/vhost_split_ring.h"

#include <algorithm>

#include "port/vhost_frame.h"

namespace podwarp {
namespace {

// Each of its two words is read once, in one piece.
SplitDescriptor Read(const SplitDescriptor* from) {
  const auto* words = reinterpret_cast<const uint64_t*>(from);
  const uint64_t address = LoadOnce(&words[0]);
  const uint64_t rest = LoadOnce(&words[1]);
  return {.address = address,
          .bytes = static_cast<uint32_t>(rest),
          .flags = static_cast<uint16_t>(rest >> 32),
          .next = static_cast<uint16_t>(rest >> 48)};
}

uint16_t HeadAt(const VhostRing& ring, uint16_t index) {
  return LoadOnce(&ring.available->heads[index & (ring.size - 1)]);
}

void Use(const VhostRing& ring, uint16_t index, uint16_t head, uint32_t bytes) {
  // Nobody looks before the used index says so. What stands there already, as it does where buffers
  // come in the same order again, isn't written: then the cache line stays shared with the guest.
  SplitUsedElement& element = ring.used->elements[index & (ring.size - 1)];
  if (LoadOnce(&element.head) != head) StoreOnce(&element.head, uint32_t{head});
  if (LoadOnce(&element.bytes) != bytes) StoreOnce(&element.bytes, bytes);
}

// How many buffers the guest has made available; none if it says more than there can be.
uint16_t Available(const VhostRing& ring) {
  const auto count = static_cast<uint16_t>(LoadAcquire(&ring.available->index) - ring.next);
  return count <= ring.size ? count : uint16_t{0};
}

// What a chain's descriptors say, one after the other, in the ring's table or in an indirect one,
// which may only come last. `access` is kDescriptorWrite, or 0 for what is to be read.
class Chain {
 public:
  Chain(const VhostRing& ring, uint16_t access, VhostPieces* pieces)
      : ring_(ring), access_(access), pieces_(*pieces) {}

  // False if it can't be followed.
  bool Follow(uint16_t head) {
    uint16_t index = head;
    for (uint16_t steps = 0; steps < ring_.size && index < ring_.size; ++steps) {
      const SplitDescriptor descriptor = Read(&ring_.split[index]);
      if ((descriptor.flags & kDescriptorIndirect) != 0) return FollowIndirect(descriptor);
      if (!Add(descriptor)) return false;
      if ((descriptor.flags & kDescriptorNext) == 0) return true;
      index = descriptor.next;
    }
    return false;
  }

 private:
  bool FollowIndirect(const SplitDescriptor& table) {
    const uint32_t entries = table.bytes / sizeof(SplitDescriptor);
    uint16_t index = 0;
    for (uint16_t steps = 0; steps < ring_.size && index < entries; ++steps) {
      SplitDescriptor descriptor;
      const uint64_t at = table.address + index * sizeof(descriptor);
      if (!ring_.memory.Read(at, &descriptor, sizeof(descriptor))) return false;
      if ((descriptor.flags & kDescriptorIndirect) != 0 || !Add(descriptor)) return false;
      if ((descriptor.flags & kDescriptorNext) == 0) return true;
      index = descriptor.next;
    }
    return false;
  }

  bool Add(const SplitDescriptor& descriptor) {
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
  uint16_t head;
};

constexpr uint16_t kKind = kDescriptorNext | kDescriptorIndirect | kDescriptorWrite;

// The buffer at `index` of the available ring, if it is a plain one.
[[gnu::always_inline]] inline bool FindPlain(const VhostRing& ring, uint16_t index, uint16_t access,
                                             VhostAddressFinder& finder, Found* found) {
  const uint16_t head = HeadAt(ring, index);
  if (head >= ring.size) [[unlikely]]
    return false;
  const SplitDescriptor descriptor = Read(&ring.split[head]);
  *found = {.data = finder.Find(descriptor.address, descriptor.bytes),
            .bytes = descriptor.bytes,
            .head = head};
  return found->data != nullptr && (descriptor.flags & kKind) == access;
}

// The run of plain buffers that begins at ring.next; some may be dropped. False if there are no
// mbufs for it: it stays where it is.
bool ReceivePlain(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t limit,
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
  if (count == 0) return true;
  if (rte_mempool_get_bulk(pool, reinterpret_cast<void**>(frames), count) != 0) return false;
  uint16_t good = 0;
  for (uint16_t i = 0; i < count; ++i) {
    if (i + kFetchAhead < count) FetchToRead(found[i + kFetchAhead].data, header);
    Use(ring, static_cast<uint16_t>(ring.next + i), found[i].head, 0);
    if (CopyFromGuest(ring, found[i].data, found[i].bytes, frames[good])) ++good;
  }
  if (good < count) {
    rte_mempool_put_bulk(pool, reinterpret_cast<void**>(frames + good), count - good);
  }
  ring.next = static_cast<uint16_t>(ring.next + count);
  *received = static_cast<uint16_t>(*received + good);
  return true;
}

uint16_t TransmitPlain(VhostRing& ring, rte_mbuf** frames, uint16_t limit) {
  Found found[kVhostBurst];
  VhostAddressFinder finder(ring.memory);
  uint16_t count = 0;
  for (; count < limit; ++count) {
    Found& buffer = found[count];
    const auto index = static_cast<uint16_t>(ring.next + count);
    if (!FindPlain(ring, index, kDescriptorWrite, finder, &buffer)) break;
    const uint32_t needed = ring.header_bytes + frames[count]->pkt_len;
    if (frames[count]->nb_segs != 1 || needed > buffer.bytes) break;
    if (count < kFetchAhead) FetchToWrite(buffer.data, ring.header_bytes);
  }
  for (uint16_t i = 0; i < count; ++i) {
    if (i + kFetchAhead < count) FetchToWrite(found[i + kFetchAhead].data, ring.header_bytes);
    CopyToGuest(ring, frames[i], found[i].data);
    Use(ring, static_cast<uint16_t>(ring.next + i), found[i].head,
        ring.header_bytes + frames[i]->pkt_len);
  }
  ring.next = static_cast<uint16_t>(ring.next + count);
  return count;
}

// One buffer of any kind. False if nothing can be done with the ring as it is.
bool ReceiveChain(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t* received) {
  const uint16_t head = HeadAt(ring, ring.next);
  if (head >= ring.size) return false;  // no buffer, so that it can't be given back
  rte_mbuf* const frame = rte_pktmbuf_alloc(pool);
  if (frame == nullptr) return false;
  VhostPieces pieces(ring.memory);
  if (Chain(ring, 0, &pieces).Follow(head) && FrameFromPieces(ring, pieces, frame)) {
    frames[(*received)++] = frame;
  } else {
    rte_pktmbuf_free(frame);
  }
  Use(ring, ring.next++, head, 0);
  return true;
}

// One frame of any kind, to as many of the guest's `available` buffers as it takes. False if it
// can't be done.
bool TransmitChain(VhostRing& ring, rte_mbuf* frame, uint16_t available) {
  const uint16_t limit = ring.is_mergeable ? available : uint16_t{1};
  const uint64_t needed = uint64_t{ring.header_bytes} + frame->pkt_len;
  VhostPieces pieces(ring.memory);
  Chain chain(ring, kDescriptorWrite, &pieces);
  uint16_t count = 0;
  while (pieces.bytes() < needed) {
    if (count == limit) return false;
    const uint64_t before = pieces.bytes();
    const auto index = static_cast<uint16_t>(ring.next + count);
    const uint16_t head = HeadAt(ring, index);
    if (head >= ring.size || !chain.Follow(head)) return false;
    Use(ring, index, head, static_cast<uint32_t>(std::min(pieces.bytes(), needed) - before));
    ++count;
  }
  FrameToPieces(ring, frame, count, pieces);
  ring.next = static_cast<uint16_t>(ring.next + count);
  return true;
}

void ShowUsed(VhostRing& ring, uint16_t before) {
  if (ring.next == before) return;
  StoreRelease(&ring.used->index, ring.next);
  ring.CallGuest(before);
}

}  // namespace

uint16_t ReceiveSplit(VhostRing& ring, rte_mempool* pool, rte_mbuf** frames, uint16_t capacity) {
  const uint16_t before = ring.next;
  const auto end =
      static_cast<uint16_t>(before + std::min({Available(ring), capacity, kVhostBurst}));
  uint16_t received = 0;
  while (ring.next != end) {
    const auto left = static_cast<uint16_t>(end - ring.next);
    if (!ReceivePlain(ring, pool, frames + received, left, &received)) break;
    if (ring.next == end || !ReceiveChain(ring, pool, frames, &received)) break;
  }
  ShowUsed(ring, before);
  return received;
}

uint16_t TransmitSplit(VhostRing& ring, rte_mbuf** frames, uint16_t count) {
  const uint16_t before = ring.next;
  const auto end = static_cast<uint16_t>(before + Available(ring));
  uint16_t sent = 0;
  while (sent < count && ring.next != end) {
    const uint16_t limit = std::min(
        {static_cast<uint16_t>(end - ring.next), static_cast<uint16_t>(count - sent), kVhostBurst});
    const uint16_t plain = TransmitPlain(ring, frames + sent, limit);
    sent = static_cast<uint16_t>(sent + plain);
    if (plain == limit) continue;
    if (!TransmitChain(ring, frames[sent], static_cast<uint16_t>(end - ring.next))) break;
    ++sent;
  }
  ShowUsed(ring, before);
  return sent;
}

}  // namespace podwarp
