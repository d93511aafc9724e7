#include "dataplane/finish_offload.h"

#include <algorithm>
#include <cstring>

#include "dataplane/frame_sum.h"
#include "podwarp/dataplane/mark.h"
#include "podwarp/net/checksum.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

// Where the parts of a frame begin and end, checked against its bytes.
struct Layout {
  uint16_t l3;       // offset of the IP header
  uint16_t l4;       // offset of the TCP or UDP header
  uint16_t payload;  // offset of what follows that
  uint32_t end;      // offset of the first byte after the packet: padding, or nothing
};

bool BecomesFragments(const Offload& offload) {
  return offload.l4_protocol == kIpProtocolUdp && !offload.udp_datagrams;
}

bool CanCut(const PortCapabilities& port, const Offload& offload) {
  if (offload.l4_protocol == kIpProtocolTcp) return port.tcp_segments;
  return offload.udp_datagrams ? port.udp_datagrams : port.udp_fragments;
}

OffloadVerdict FindLayout(const rte_mbuf* frame, const Offload& offload, Layout* layout) {
  if (rte_pktmbuf_data_len(frame) < kEthernetHeaderBytes + sizeof(Ipv4Header)) {
    return OffloadVerdict::kMalformed;
  }
  const auto* ethernet = rte_pktmbuf_mtod(frame, const EthernetHeader*);
  const auto* ip = reinterpret_cast<const Ipv4Header*>(ethernet + 1);
  if (ethernet->ether_type.host() != kEtherTypeIpv4 || ip->version() != 4) {
    return OffloadVerdict::kUnsupported;
  }
  const bool tcp = offload.l4_protocol == kIpProtocolTcp;
  if (!tcp && offload.l4_protocol != kIpProtocolUdp) return OffloadVerdict::kUnsupported;

  layout->l3 = kEthernetHeaderBytes;
  layout->l4 = static_cast<uint16_t>(layout->l3 + offload.l3_bytes);
  layout->payload = static_cast<uint16_t>(layout->l4 + offload.l4_bytes);
  layout->end = layout->l3 + uint32_t{ip->total_length.host()};
  if (offload.l3_bytes < sizeof(Ipv4Header) || ip->header_bytes() != offload.l3_bytes ||
      ip->protocol != offload.l4_protocol || ip->is_fragment() ||
      layout->payload > rte_pktmbuf_data_len(frame) || layout->payload > layout->end ||
      layout->end > rte_pktmbuf_pkt_len(frame)) {
    return OffloadVerdict::kMalformed;
  }
  if (tcp) {
    const auto* header = rte_pktmbuf_mtod_offset(frame, const TcpHeader*, layout->l4);
    if (offload.l4_bytes < sizeof(TcpHeader) || header->header_bytes() != offload.l4_bytes) {
      return OffloadVerdict::kMalformed;
    }
  } else if (offload.l4_bytes != sizeof(UdpHeader)) {
    return OffloadVerdict::kMalformed;
  }
  return OffloadVerdict::kInPlace;
}

// Of the pseudo-header for `bytes` bytes of TCP or UDP (RFC 9293, 3.1; RFC 768), not complemented.
uint16_t PseudoHeaderSum(const Ipv4Header* ip, uint32_t bytes) {
  const uint64_t length_and_protocol =
      uint64_t{Be16(static_cast<uint16_t>(bytes)).raw()} + Be16(ip->protocol).raw();
  return ChecksumSum(&ip->source, 8, length_and_protocol);
}

Be16* ChecksumField(rte_mbuf* frame, const Layout& layout, const Offload& offload) {
  return offload.l4_protocol == kIpProtocolTcp
             ? &rte_pktmbuf_mtod_offset(frame, TcpHeader*, layout.l4)->checksum
             : &rte_pktmbuf_mtod_offset(frame, UdpHeader*, layout.l4)->checksum;
}

// What belongs into the checksum field. The field itself holds the pseudo-header's sum, so that a
// sum over all of TCP or UDP is already right. In UDP, zero means "none": its other form is sent.
Be16 FinishedChecksum(const rte_mbuf* frame, const Layout& layout, const Offload& offload) {
  auto checksum = static_cast<uint16_t>(~FrameSum(frame, layout.l4, layout.end));
  if (checksum == 0 && offload.l4_protocol == kIpProtocolUdp) checksum = 0xffff;
  return Be16::FromRaw(checksum);
}

// REQUIRES: headroom for the tag.
void InsertTag(rte_mbuf* frame) {
  frame->data_off = static_cast<uint16_t>(frame->data_off - sizeof(VlanTag));
  frame->data_len = static_cast<uint16_t>(frame->data_len + sizeof(VlanTag));
  frame->pkt_len += static_cast<uint32_t>(sizeof(VlanTag));
  char* start = rte_pktmbuf_mtod(frame, char*);
  std::memmove(start, start + sizeof(VlanTag), 2 * sizeof(MacAddress));
  auto* tag = reinterpret_cast<VlanTag*>(start + 2 * sizeof(MacAddress));
  *tag = {Be16(kEtherTypeVlan), Be16(frame->vlan_tci)};
  frame->ol_flags &= ~RTE_MBUF_F_TX_VLAN;
}

// Reads a chain of mbufs from front to end.
class Reader {
 public:
  Reader(const rte_mbuf* frame, uint32_t offset) : mbuf_(frame), offset_(offset) {}

  // REQUIRES: that many bytes are left.
  void Read(char* to, uint32_t bytes) {
    while (bytes > 0) {
      while (offset_ >= rte_pktmbuf_data_len(mbuf_)) {
        offset_ -= rte_pktmbuf_data_len(mbuf_);
        mbuf_ = mbuf_->next;
      }
      const uint32_t part = std::min(bytes, rte_pktmbuf_data_len(mbuf_) - offset_);
      std::memcpy(to, rte_pktmbuf_mtod_offset(mbuf_, const char*, offset_), part);
      to += part;
      offset_ += part;
      bytes -= part;
    }
  }

 private:
  const rte_mbuf* mbuf_;
  uint32_t offset_;
};

// All that an mbuf says besides where its bytes are.
void CopyMetadata(const rte_mbuf* from, rte_mbuf* to) {
  to->port = from->port;
  to->packet_type = from->packet_type;
  to->hash = from->hash;
  to->vlan_tci = from->vlan_tci;
  to->vlan_tci_outer = from->vlan_tci_outer;
  to->ol_flags = from->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
  ClearMark(to);  // that is not its own
  to->tx_offload = from->tx_offload;
  rte_mbuf_dynfield_copy(to, from);
}

// Takes `count` empty frames that can each hold `bytes` and a tag's room before them.
OffloadVerdict TakeBuffers(rte_mempool* pool, uint32_t bytes, rte_mbuf** out, uint16_t count) {
  if (bytes + RTE_PKTMBUF_HEADROOM > rte_pktmbuf_data_room_size(pool)) {
    return OffloadVerdict::kUnsupported;
  }
  return rte_pktmbuf_alloc_bulk(pool, out, count) == 0 ? OffloadVerdict::kReplaced
                                                       : OffloadVerdict::kNoBuffer;
}

// The headers of TCP segment, or UDP datagram, `index`, whose payload begins `offset` bytes into
// the input's.
void WriteSegmentHeader(rte_mbuf* piece, const Layout& layout, Offload offload,
                        const PortCapabilities& port, uint32_t offset, uint16_t index, bool last) {
  auto* ip = rte_pktmbuf_mtod_offset(piece, Ipv4Header*, layout.l3);
  const uint32_t end = rte_pktmbuf_pkt_len(piece);
  ip->total_length = Be16(static_cast<uint16_t>(end - layout.l3));
  ip->identification = Be16(static_cast<uint16_t>(ip->identification.host() + index));
  if (offload.l4_protocol == kIpProtocolTcp) {
    auto* tcp = rte_pktmbuf_mtod_offset(piece, TcpHeader*, layout.l4);
    tcp->sequence = Be32(tcp->sequence.host() + offset);
    if (!last) tcp->flags &= static_cast<uint8_t>(~(kTcpFin | kTcpPsh));
    if (index > 0) tcp->flags &= static_cast<uint8_t>(~kTcpCwr);
  } else {
    auto* udp = rte_pktmbuf_mtod_offset(piece, UdpHeader*, layout.l4);
    udp->length = Be16(static_cast<uint16_t>(end - layout.l4));
  }
  Be16* const checksum = ChecksumField(piece, layout, offload);
  *checksum = Be16::FromRaw(PseudoHeaderSum(ip, end - layout.l4));

  offload.segment_bytes = 0;
  if (port.checksum) {
    SetOffload(piece, offload);
    return;
  }
  const Layout own = {layout.l3, layout.l4, layout.payload, end};
  *checksum = FinishedChecksum(piece, own, offload);
  ClearOffload(piece);
}

// The header of the fragment that begins `offset` bytes into the IP packet's payload (RFC 791,
// 3.2). The identification stays: it is what holds the fragments together.
void WriteFragmentHeader(rte_mbuf* piece, const Layout& layout, uint32_t offset, bool last) {
  auto* ip = rte_pktmbuf_mtod_offset(piece, Ipv4Header*, layout.l3);
  ip->total_length = Be16(static_cast<uint16_t>(rte_pktmbuf_pkt_len(piece) - layout.l3));
  ip->fragment = Be16(static_cast<uint16_t>(offset / 8 | (last ? 0 : kIpv4MoreFragments)));
  ClearOffload(piece);
}

FinishedOffload Cut(const rte_mbuf* frame, const Offload& offload, const Layout& layout,
                    const PortCapabilities& port, rte_mempool* pool, rte_mbuf** out,
                    uint16_t capacity) {
  const bool fragments = BecomesFragments(offload);
  const uint16_t header_bytes = fragments ? layout.l4 : layout.payload;
  const uint32_t unit = fragments ? offload.segment_bytes & ~7u : offload.segment_bytes;
  if (unit == 0) return {OffloadVerdict::kMalformed, 0};
  const uint32_t bytes = layout.end - header_bytes;
  const uint32_t count = (bytes + unit - 1) / unit;
  if (count > capacity) return {OffloadVerdict::kTooManyPieces, 0};
  const OffloadVerdict verdict =
      TakeBuffers(pool, header_bytes + unit, out, static_cast<uint16_t>(count));
  if (verdict != OffloadVerdict::kReplaced) return {verdict, 0};

  Reader reader(frame, header_bytes);
  for (uint16_t i = 0; i < count; ++i) {
    const uint32_t offset = i * unit;
    const uint32_t part = std::min(unit, bytes - offset);
    rte_mbuf* piece = out[i];
    CopyMetadata(frame, piece);
    char* at = rte_pktmbuf_append(piece, static_cast<uint16_t>(header_bytes + part));
    std::memcpy(at, rte_pktmbuf_mtod(frame, const char*), header_bytes);
    reader.Read(at + header_bytes, part);
    const bool last = i + 1u == count;
    if (fragments) {
      WriteFragmentHeader(piece, layout, offset, last);
    } else {
      WriteSegmentHeader(piece, layout, offload, port, offset, i, last);
    }
    auto* ip = rte_pktmbuf_mtod_offset(piece, Ipv4Header*, layout.l3);
    ip->checksum = Be16(0);
    ip->checksum = InternetChecksum(ip, offload.l3_bytes);
  }
  if (fragments) *ChecksumField(out[0], layout, offload) = FinishedChecksum(frame, layout, offload);
  return {OffloadVerdict::kReplaced, static_cast<uint16_t>(count)};
}

OffloadVerdict CopyToOne(const rte_mbuf* frame, rte_mempool* pool, rte_mbuf** out) {
  const uint32_t bytes = rte_pktmbuf_pkt_len(frame);
  const OffloadVerdict verdict = TakeBuffers(pool, bytes, out, 1);
  if (verdict != OffloadVerdict::kReplaced) return verdict;
  CopyMetadata(frame, out[0]);
  Reader(frame, 0).Read(rte_pktmbuf_append(out[0], static_cast<uint16_t>(bytes)), bytes);
  return verdict;
}

}  // namespace

FinishedOffload FinishOffload(rte_mbuf* frame, const PortCapabilities& port, rte_mempool* pool,
                              rte_mbuf** out, uint16_t capacity) {
  const bool tag = (frame->ol_flags & RTE_MBUF_F_TX_VLAN) != 0 && !port.vlan_insert;
  const bool gather = frame->nb_segs > 1 && !port.multi_segment;
  const bool has_offload = HasOffload(frame);
  Offload offload = has_offload ? *OffloadOf(frame) : Offload{};
  Layout layout = {};
  if (offload.segment_bytes > 0 || offload.checksum_wanted) {
    const OffloadVerdict verdict = FindLayout(frame, offload, &layout);
    if (verdict != OffloadVerdict::kInPlace) return {verdict, 0};
  }

  if (offload.segment_bytes > 0) {
    const uint32_t bytes = layout.end - (BecomesFragments(offload) ? layout.l4 : layout.payload);
    if (bytes <= offload.segment_bytes) {
      offload.segment_bytes = 0;  // an ordinary frame that lacks its checksum
    } else if (gather || !CanCut(port, offload)) {
      const FinishedOffload cut = Cut(frame, offload, layout, port, pool, out, capacity);
      for (uint16_t i = 0; tag && i < cut.count; ++i) InsertTag(out[i]);
      return cut;
    }
  }

  // One frame remains: this one, or a copy where it can't be written to or sent as it lies.
  OffloadVerdict verdict = OffloadVerdict::kInPlace;
  out[0] = frame;
  if (gather || (tag && rte_pktmbuf_headroom(frame) < sizeof(VlanTag))) {
    verdict = CopyToOne(frame, pool, out);
    if (verdict != OffloadVerdict::kReplaced) return {verdict, 0};
  }
  if (has_offload) SetOffload(out[0], offload);
  if (has_offload && offload.segment_bytes == 0 && !port.checksum) {
    if (offload.checksum_wanted) {
      *ChecksumField(out[0], layout, offload) = FinishedChecksum(out[0], layout, offload);
    }
    ClearOffload(out[0]);
  }
  if (tag) InsertTag(out[0]);
  return {verdict, 1};
}

}  // namespace podwarp
