// Frames between mbufs and a guest's buffers: what split and packed rings have in common.
//
// A buffer that is one piece of memory with room for one mbuf's bytes is a plain one, and nearly
// all are. What is inline here is for those. Others are chains of pieces: VhostPieces.
//
// Thread rule: workers.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>
#include <cstring>

#include "port/vhost_ring.h"
#include "port/vnet_header.h"

namespace podwarp {

// So many are looked at before the first is copied.
inline constexpr uint16_t kVhostBurst = 64;

// A guest's segment: the longest IP packet, Ethernet with two tags.
inline constexpr uint32_t kMaxVhostFrameBytes = 65535 + 14 + 8;

// Bytes that one mbuf of the pool holds.
inline uint32_t FrameRoom(rte_mempool* pool) {
  return uint32_t{rte_pktmbuf_data_room_size(pool)} - RTE_PKTMBUF_HEADROOM;
}

template <size_t kBytes>
inline void CopyFixed(uint8_t* to, const uint8_t* from) {
  __builtin_memcpy(to, from, kBytes);
}

// Not a byte more on either side: what stands behind is somebody else's. Blocks overlap instead.
inline void CopyBytes(uint8_t* to, const uint8_t* from, uint32_t count) {
  constexpr uint32_t kLong = 512;  // a call pays from here on
  if (count >= kLong) {
    std::memcpy(to, from, count);
  } else if (count >= 64) [[likely]] {
    const uint32_t last = count - 64;
    for (uint32_t i = 0; i < last; i += 64) CopyFixed<64>(to + i, from + i);
    CopyFixed<64>(to + last, from + last);
  } else if (count >= 32) {
    CopyFixed<32>(to, from);
    CopyFixed<32>(to + count - 32, from + count - 32);
  } else if (count >= 16) {
    CopyFixed<16>(to, from);
    CopyFixed<16>(to + count - 16, from + count - 16);
  } else {
    for (uint32_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

// Prepares an mbuf that came straight from its pool, where it has one segment and one owner. Its
// second cache line isn't touched.
inline void StartFrame(rte_mbuf* frame, uint32_t bytes) {
  frame->data_off = RTE_PKTMBUF_HEADROOM;
  frame->port = RTE_MBUF_PORT_INVALID;
  frame->ol_flags = 0;
  frame->packet_type = 0;
  frame->pkt_len = bytes;
  frame->data_len = static_cast<uint16_t>(bytes);
  frame->vlan_tci = 0;
}

// Copies a plain buffer, header and frame, to `frame`, which came straight from its pool.
// REQUIRES: header < bytes <= header + FrameRoom(). False: drop the frame.
inline bool CopyFromGuest(const VhostRing& ring, const uint8_t* buffer, uint32_t bytes,
                          rte_mbuf* frame) {
  StartFrame(frame, bytes - ring.header_bytes);
  CopyBytes(rte_pktmbuf_mtod(frame, uint8_t*), buffer + ring.header_bytes, frame->data_len);
  if (!ring.has_offloads) return true;
  VnetHeader header;
  std::memcpy(&header, buffer, offsetof(VnetHeader, buffers));
  return ApplyVnetHeader(header, frame);
}

inline VnetHeader HeaderForGuest(const VhostRing& ring, rte_mbuf* frame, uint16_t buffers) {
  VnetHeader header{};
  if (HasOffload(frame) && ring.takes_offloads) header = MakeVnetHeader(frame);
  header.buffers = buffers;
  return header;
}

// Copies a frame of one segment to a plain buffer. REQUIRES: there is room.
inline void CopyToGuest(const VhostRing& ring, rte_mbuf* frame, uint8_t* buffer) {
  constexpr VnetHeader kPlain = {.buffers = 1};
  if (HasOffload(frame)) {
    const VnetHeader header = HeaderForGuest(ring, frame, 1);
    std::memcpy(buffer, &header, ring.header_bytes);
  } else if (ring.header_bytes == sizeof(kPlain)) [[likely]] {
    std::memcpy(buffer, &kPlain, sizeof(kPlain));  // a constant: nothing is read
  } else {
    std::memcpy(buffer, &kPlain, ring.header_bytes);
  }
  CopyBytes(buffer + ring.header_bytes, rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len);
}

// So many buffers ahead of the one that is copied, the first bytes of one are fetched. Far enough
// for them to come, and not so far that they are gone again: buffers stand at like places of pages,
// so that few of them fit into a cache at once.
inline constexpr uint16_t kFetchAhead = 8;
inline void FetchToRead(const uint8_t* buffer, uint32_t header_bytes) {
  rte_prefetch0(buffer);
  rte_prefetch0(buffer + header_bytes + 63);
}
inline void FetchToWrite(const uint8_t* buffer, uint32_t header_bytes) {
  __builtin_prefetch(buffer, 1);
  __builtin_prefetch(buffer + header_bytes + 63, 1);
}

// Frees frames of any kind; fast if all are of one pool, one segment and one owner.
void FreeFrames(rte_mbuf** frames, uint16_t count);

// The pieces of memory that one or several buffers of the guest consist of, in their order.
class VhostPieces {
 public:
  explicit VhostPieces(const VhostMemory& memory) : memory_(memory) {}

  // One descriptor more; a piece for each region that it lies in. False if part of it lies in none,
  // or if there are too many pieces.
  bool Add(uint64_t address, uint32_t bytes);
  uint64_t bytes() const { return bytes_; }

  // Both go on where the last call ended. REQUIRE: so many bytes are left.
  void Read(uint8_t* to, uint32_t count);
  void Write(const uint8_t* from, uint32_t count);

 private:
  static constexpr uint16_t kMaxPieces = 256;
  struct Piece {
    uint8_t* data;
    uint32_t bytes;
  };

  // The next bytes in one piece, at most `limit`.
  Piece Next(uint32_t limit);

  const VhostMemory& memory_;
  uint64_t bytes_ = 0;
  uint16_t count_ = 0;
  uint16_t piece_ = 0;  // where Read() and Write() are
  uint32_t offset_ = 0;
  Piece pieces_[kMaxPieces];
};

// Makes `frame`, which is empty, the one that all the pieces hold, with as many mbufs as it takes.
// False: it is too short or too long, its header asks for what can't be done, or mbufs have run
// out.
bool FrameFromPieces(const VhostRing& ring, VhostPieces& pieces, rte_mbuf* frame);

// Writes the frame with its header. REQUIRES: there is room in all of the pieces.
void FrameToPieces(const VhostRing& ring, rte_mbuf* frame, uint16_t buffers, VhostPieces& pieces);

}  // namespace podwarp
