#include "port/vnet_header.h"

#include <algorithm>
#include <cstddef>

#include "podwarp/net/checksum.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

constexpr uint16_t kIpv6HeaderBytes = 40;
constexpr uint16_t kIpv6NextHeaderOffset = 6;
constexpr uint8_t kTcpFlagCwr = 0x80;

// Where a frame's headers lie. All of them are in the first segment.
struct Layout {
  uint16_t l2_bytes = 0;
  uint8_t l3_bytes = 0;
  uint8_t l4_bytes = 0;
  uint8_t l4_protocol = 0;
  uint16_t ether_type = 0;
};

// The T at `offset`, or null where the first segment ends before it does.
template <typename T>
const T* At(const rte_mbuf* frame, uint32_t offset) {
  if (offset + sizeof(T) > rte_pktmbuf_data_len(frame)) return nullptr;
  return rte_pktmbuf_mtod_offset(frame, const T*, offset);
}

// Ethernet with at most one VLAN tag. 0 if the frame is too short.
uint16_t ReadEthernet(const rte_mbuf* frame, uint16_t* ether_type) {
  const auto* ethernet = At<EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return 0;
  *ether_type = ethernet->ether_type.host();
  if (*ether_type != kEtherTypeVlan) return kEthernetHeaderBytes;
  const auto* inner = At<Be16>(frame, kEthernetHeaderBytes + 2);
  if (inner == nullptr) return 0;
  *ether_type = inner->host();
  return kEthernetHeaderBytes + sizeof(VlanTag);
}

// False unless the frame is unfragmented TCP or UDP with whole headers.
bool ReadLayout(const rte_mbuf* frame, Layout* layout) {
  layout->l2_bytes = ReadEthernet(frame, &layout->ether_type);
  if (layout->l2_bytes == 0) return false;
  if (layout->ether_type == kEtherTypeIpv4) {
    const auto* ip = At<Ipv4Header>(frame, layout->l2_bytes);
    if (ip == nullptr || ip->version() != 4 || ip->header_bytes() < sizeof(Ipv4Header)) {
      return false;
    }
    if (ip->is_fragment()) return false;
    layout->l3_bytes = static_cast<uint8_t>(ip->header_bytes());
    layout->l4_protocol = ip->protocol;
  } else if (layout->ether_type == kEtherTypeIpv6) {
    const auto* next = At<uint8_t>(frame, layout->l2_bytes + kIpv6NextHeaderOffset);
    if (next == nullptr) return false;
    layout->l3_bytes = kIpv6HeaderBytes;
    layout->l4_protocol = *next;
  } else {
    return false;
  }
  const uint32_t l4_offset = uint32_t{layout->l2_bytes} + layout->l3_bytes;
  if (layout->l4_protocol == kIpProtocolUdp) {
    layout->l4_bytes = sizeof(UdpHeader);
    return At<UdpHeader>(frame, l4_offset) != nullptr;
  }
  if (layout->l4_protocol != kIpProtocolTcp) return false;
  const auto* tcp = At<TcpHeader>(frame, l4_offset);
  if (tcp == nullptr || tcp->header_bytes() < sizeof(TcpHeader)) return false;
  layout->l4_bytes = static_cast<uint8_t>(tcp->header_bytes());
  return l4_offset + layout->l4_bytes <= rte_pktmbuf_data_len(frame);
}

uint16_t ChecksumOffset(uint8_t l4_protocol) {
  return l4_protocol == kIpProtocolTcp ? offsetof(TcpHeader, checksum)
                                       : offsetof(UdpHeader, checksum);
}

// The one's-complement sum of everything from `offset` on. (rte_raw_cksum_mbuf of DPDK 22.11 loses
// carries where a segment begins at an odd byte.)
uint16_t SumFrom(const rte_mbuf* frame, uint32_t offset) {
  uint64_t sum = 0;
  bool odd = false;
  for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    const uint32_t skip = std::min<uint32_t>(offset, segment->data_len);
    offset -= skip;
    const size_t bytes = segment->data_len - skip;
    const uint16_t part = ChecksumSum(rte_pktmbuf_mtod_offset(segment, void*, skip), bytes);
    sum += odd ? __builtin_bswap16(part) : part;  // RFC 1071, 2(B)
    odd ^= bytes % 2 != 0;
  }
  return FoldChecksum(sum);
}

// The field holds the start of the sum already: add the rest and complement, whatever protocol it
// is. Rare, so it need not be fast.
bool FillInChecksum(const VnetHeader& header, rte_mbuf* frame) {
  const uint32_t field = uint32_t{header.checksum_start} + header.checksum_offset;
  if (field + sizeof(Be16) > rte_pktmbuf_data_len(frame)) return false;
  const auto checksum = static_cast<uint16_t>(~SumFrom(frame, header.checksum_start));
  // Zero would mean "none" in UDP (RFC 768); elsewhere both forms of zero are right (RFC 1071).
  *rte_pktmbuf_mtod_offset(frame, Be16*, field) = Be16::FromRaw(checksum == 0 ? 0xffff : checksum);
  return true;
}

bool GsoTypeFits(uint8_t gso_type, const Layout& layout) {
  switch (gso_type & ~kVnetGsoEcn) {
    case kVnetGsoTcp4:
      return layout.l4_protocol == kIpProtocolTcp && layout.ether_type == kEtherTypeIpv4;
    case kVnetGsoTcp6:
      return layout.l4_protocol == kIpProtocolTcp && layout.ether_type == kEtherTypeIpv6;
    case kVnetGsoUdp:
    case kVnetGsoUfo:
      return layout.l4_protocol == kIpProtocolUdp;
    default:
      return false;
  }
}

}  // namespace

namespace vnet_header_internal {

bool ApplyToFrame(const VnetHeader& header, rte_mbuf* frame) {
  const bool needs_checksum = (header.flags & kVnetNeedsChecksum) != 0;
  const bool cut = header.gso_type != kVnetGsoNone;
  Layout layout;
  const bool known = ReadLayout(frame, &layout);
  const bool checksum_fits = known && needs_checksum &&
                             header.checksum_start == layout.l2_bytes + layout.l3_bytes &&
                             header.checksum_offset == ChecksumOffset(layout.l4_protocol);
  if (cut &&
      (!checksum_fits || header.segment_bytes == 0 || !GsoTypeFits(header.gso_type, layout))) {
    return false;
  }
  if (needs_checksum && !checksum_fits) return FillInChecksum(header, frame);
  const bool valid = needs_checksum || (header.flags & kVnetDataValid) != 0;
  if (!valid || !known) return true;
  SetOffload(frame, Offload{.segment_bytes = cut ? header.segment_bytes : uint16_t{0},
                            .l3_bytes = layout.l3_bytes,
                            .l4_bytes = layout.l4_bytes,
                            .checksum_wanted = needs_checksum,
                            .trusted = true,
                            .l4_protocol = layout.l4_protocol,
                            .udp_datagrams = layout.l4_protocol == kIpProtocolUdp &&
                                             header.gso_type != kVnetGsoUfo});
  return true;
}

VnetHeader FromOffload(const rte_mbuf* frame, const Offload& offload) {
  VnetHeader header{};
  if (!offload.checksum_wanted) {
    if (offload.trusted) header.flags = kVnetDataValid;
    return header;
  }
  uint16_t ether_type = 0;
  const uint16_t l2_bytes = ReadEthernet(frame, &ether_type);
  const auto l4_offset = static_cast<uint16_t>(l2_bytes + offload.l3_bytes);
  header.flags = kVnetNeedsChecksum;
  header.checksum_start = l4_offset;
  header.checksum_offset = ChecksumOffset(offload.l4_protocol);
  header.header_bytes = static_cast<uint16_t>(l4_offset + offload.l4_bytes);
  if (offload.segment_bytes == 0) return header;
  header.segment_bytes = offload.segment_bytes;
  if (offload.l4_protocol == kIpProtocolUdp) {
    header.gso_type = offload.udp_datagrams ? kVnetGsoUdp : kVnetGsoUfo;
    return header;
  }
  header.gso_type = ether_type == kEtherTypeIpv6 ? kVnetGsoTcp6 : kVnetGsoTcp4;
  const auto* tcp = At<TcpHeader>(frame, l4_offset);
  if (tcp != nullptr && (tcp->flags & kTcpFlagCwr) != 0) header.gso_type |= kVnetGsoEcn;
  return header;
}

}  // namespace vnet_header_internal
}  // namespace podwarp
