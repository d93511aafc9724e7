// Packets to mbufs and back.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "podwarp/port/offload.h"
#include "support/packet.h"

namespace podwarp::test {

struct FreeMbuf {
  void operator()(rte_mbuf* mbuf) const { rte_pktmbuf_free(mbuf); }
};
using MbufPtr = std::unique_ptr<rte_mbuf, FreeMbuf>;

struct MbufOptions {
  // Data bytes of the first segments; what is left follows in as many as it needs. {14, 0, 20} is
  // the Ethernet header, an empty segment, 20 bytes, and the rest.
  std::vector<uint16_t> segments = {};
  std::optional<Offload> offload = std::nullopt;
  // As a device with VLAN stripping delivers it: the packet's tag moves to mbuf::vlan_tci. A packet
  // without a tag stays as it is.
  bool strip_vlan = false;
};

// From TestPool(). The caller owns the mbuf, or wraps it in an MbufPtr.
rte_mbuf* ToMbuf(const Packet& packet, const MbufOptions& options = {});

// The bytes of all segments; a tag that a device is to insert (RTE_MBUF_F_TX_VLAN) is put in. The
// test fails if the mbuf is inconsistent (rte_mbuf_check). The mbuf stays the caller's.
Packet FromMbuf(const rte_mbuf* mbuf);

}  // namespace podwarp::test
