#include "port/vhost_frame.h"

#include <algorithm>

namespace podwarp {

void FreeFrames(rte_mbuf** frames, uint16_t count) {
  if (count == 0) return;
  rte_mempool* const pool = frames[0]->pool;
  bool are_plain = true;
  for (uint16_t i = 0; i < count; ++i) {
    const rte_mbuf* frame = frames[i];
    are_plain &= frame->pool == pool && frame->nb_segs == 1 && rte_mbuf_refcnt_read(frame) == 1 &&
                 RTE_MBUF_DIRECT(frame);
  }
  if (are_plain) {
    rte_mempool_put_bulk(pool, reinterpret_cast<void**>(frames), count);
  } else {
    rte_pktmbuf_free_bulk(frames, count);
  }
}

bool VhostPieces::Add(uint64_t address, uint32_t bytes) {
  bytes_ += bytes;
  do {  // at least once, so that empty ones don't come without end
    uint32_t part = bytes;
    uint8_t* const data = memory_.FindPart(address, &part);
    if (data == nullptr || count_ == kMaxPieces) return false;
    pieces_[count_++] = {.data = data, .bytes = part};
    address += part;
    bytes -= part;
  } while (bytes > 0);
  return true;
}

VhostPieces::Piece VhostPieces::Next(uint32_t limit) {
  const Piece& piece = pieces_[piece_];
  const Piece next = {.data = piece.data + offset_,
                      .bytes = std::min(limit, piece.bytes - offset_)};
  offset_ += next.bytes;
  if (offset_ == piece.bytes) {
    ++piece_;
    offset_ = 0;
  }
  return next;
}

void VhostPieces::Read(uint8_t* to, uint32_t count) {
  while (count > 0) {
    const Piece next = Next(count);
    std::memcpy(to, next.data, next.bytes);
    to += next.bytes;
    count -= next.bytes;
  }
}

void VhostPieces::Write(const uint8_t* from, uint32_t count) {
  while (count > 0) {
    const Piece next = Next(count);
    std::memcpy(next.data, from, next.bytes);
    from += next.bytes;
    count -= next.bytes;
  }
}

bool FrameFromPieces(const VhostRing& ring, VhostPieces& pieces, rte_mbuf* frame) {
  if (pieces.bytes() <= ring.header_bytes ||
      pieces.bytes() - ring.header_bytes > kMaxVhostFrameBytes) {
    return false;
  }
  VnetHeader header{};
  pieces.Read(reinterpret_cast<uint8_t*>(&header), ring.header_bytes);
  auto left = static_cast<uint32_t>(pieces.bytes() - ring.header_bytes);
  for (rte_mbuf* last = frame;;) {
    const uint32_t part = std::min<uint32_t>(left, rte_pktmbuf_tailroom(last));
    pieces.Read(rte_pktmbuf_mtod(last, uint8_t*), part);
    last->data_len = static_cast<uint16_t>(part);
    frame->pkt_len += part;
    left -= part;
    if (left == 0) break;
    last->next = rte_pktmbuf_alloc(frame->pool);
    if (last->next == nullptr) return false;
    last = last->next;
    ++frame->nb_segs;
  }
  return !ring.has_offloads || ApplyVnetHeader(header, frame);
}

void FrameToPieces(const VhostRing& ring, rte_mbuf* frame, uint16_t buffers, VhostPieces& pieces) {
  const VnetHeader header = HeaderForGuest(ring, frame, buffers);
  pieces.Write(reinterpret_cast<const uint8_t*>(&header), ring.header_bytes);
  for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    pieces.Write(rte_pktmbuf_mtod(segment, const uint8_t*), segment->data_len);
  }
}

}  // namespace podwarp
