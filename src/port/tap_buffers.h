// Empty mbufs for reading frames from a tap, one frame a readv(2).
//
// How long a frame is shows only once it has been read, so each read offers a chain that holds the
// longest. The chain is on loan: it comes from the pool when a burst begins and the rest goes back
// when the burst ends, which costs two copies of a pointer array within the lcore's own cache.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstdint>

#include "podwarp/net/headers.h"
#include "port/vnet_header.h"

namespace podwarp {

class TapBuffers {
 public:
  static constexpr uint16_t kMinDataBytes = 2048;
  // The longest IP packet in a frame with a VLAN tag: 65,553 bytes.
  static constexpr unsigned kSegments =
      (65535 + kEthernetHeaderBytes + sizeof(VlanTag) + kMinDataBytes - 1) / kMinDataBytes;

  // REQUIRES: each of the pool's mbufs holds kMinDataBytes besides its headroom.
  explicit TapBuffers(rte_mempool* pool)
      : pool_(pool), data_bytes_(rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM) {
    vector_[0] = {.iov_base = &header_, .iov_len = sizeof(header_)};
  }
  ~TapBuffers() {
    if (taken_ == kSegments) return;
    rte_mempool_put_bulk(pool_, reinterpret_cast<void**>(mbufs_ + taken_), kSegments - taken_);
  }
  TapBuffers(const TapBuffers&) = delete;
  TapBuffers& operator=(const TapBuffers&) = delete;

  // Makes the chain whole again. False if the pool has too few mbufs.
  bool Fill() {
    if (taken_ == 0) return true;
    if (rte_mempool_get_bulk(pool_, reinterpret_cast<void**>(mbufs_), taken_) != 0) return false;
    for (unsigned i = 0; i < taken_; ++i) {
      vector_[i + 1] = {.iov_base = static_cast<char*>(mbufs_[i]->buf_addr) + RTE_PKTMBUF_HEADROOM,
                        .iov_len = data_bytes_};
    }
    taken_ = 0;
    return true;
  }

  // The bytes of header and frame together, or -1 and errno. REQUIRES: Fill() said true.
  ssize_t Read(int fd) { return readv(fd, vector_, kSegments + 1); }

  const VnetHeader& header() const { return header_; }
  uint32_t capacity_bytes() const { return kSegments * data_bytes_; }

  // The frame of `bytes` bytes that Read() brought, now the caller's.
  // REQUIRES: 0 < bytes <= capacity_bytes().
  rte_mbuf* Take(uint32_t bytes) {
    rte_mbuf* const frame = mbufs_[0];
    rte_mbuf* last = nullptr;
    uint32_t left = bytes;
    do {
      rte_mbuf* const segment = mbufs_[taken_++];
      rte_pktmbuf_reset(segment);
      segment->data_len = static_cast<uint16_t>(std::min(left, data_bytes_));
      left -= segment->data_len;
      if (last != nullptr) last->next = segment;
      last = segment;
    } while (left > 0);
    frame->pkt_len = bytes;
    frame->nb_segs = static_cast<uint16_t>(taken_);
    return frame;
  }

 private:
  rte_mempool* const pool_;
  const uint32_t data_bytes_;
  unsigned taken_ = kSegments;  // mbufs_[0, taken_) are no longer ours; the rest is untouched
  rte_mbuf* mbufs_[kSegments];
  iovec vector_[kSegments + 1];
  VnetHeader header_;
};

}  // namespace podwarp
