#include "port/ethdev_offload.h"

#include <rte_ip.h>

#include "podwarp/net/headers.h"
#include "podwarp/port/offload.h"

namespace podwarp {

void ToDeviceOffload(rte_mbuf* frame) {
  const Offload& offload = *OffloadOf(frame);
  if (!offload.checksum_wanted) return;
  const bool tcp = offload.l4_protocol == kIpProtocolTcp;
  // A port that lacks vlan_insert gets the tag in the frame.
  const bool tagged =
      rte_pktmbuf_mtod(frame, const EthernetHeader*)->ether_type.host() == kEtherTypeVlan;
  frame->l2_len = kEthernetHeaderBytes + (tagged ? sizeof(VlanTag) : 0);
  frame->l3_len = offload.l3_bytes;
  frame->l4_len = offload.l4_bytes;
  frame->ol_flags |= RTE_MBUF_F_TX_IPV4;
  if (offload.segment_bytes == 0) {
    frame->ol_flags |= tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    return;
  }
  // The device writes the IP checksum of each segment, and adds its length to the pseudo-header's
  // sum, which must hold none until then.
  frame->tso_segsz = offload.segment_bytes;
  if (!tcp) {
    frame->ol_flags |= RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM;
    return;
  }
  frame->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
  auto* ip = rte_pktmbuf_mtod_offset(frame, Ipv4Header*, frame->l2_len);
  auto* header = rte_pktmbuf_mtod_offset(frame, TcpHeader*,
                                         static_cast<size_t>(frame->l2_len) + frame->l3_len);
  ip->checksum = Be16(0);
  header->checksum = Be16::FromRaw(
      rte_ipv4_phdr_cksum(reinterpret_cast<const rte_ipv4_hdr*>(ip), RTE_MBUF_F_TX_TCP_SEG));
}

void FromDeviceOffload(rte_mbuf* frame) {
  const bool open = (frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
  const bool large = (frame->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
  if (!open && !large) return;
  const uint16_t bytes = rte_pktmbuf_data_len(frame);
  if (bytes < kEthernetHeaderBytes + sizeof(Ipv4Header)) return;
  const auto* ethernet = rte_pktmbuf_mtod(frame, const EthernetHeader*);
  const auto* ip = reinterpret_cast<const Ipv4Header*>(ethernet + 1);
  if (ethernet->ether_type.host() != kEtherTypeIpv4 || ip->version() != 4 || ip->is_fragment()) {
    return;
  }
  Offload offload = {};
  offload.l3_bytes = static_cast<uint8_t>(ip->header_bytes());
  offload.l4_protocol = ip->protocol;
  offload.checksum_wanted = true;
  offload.trusted = true;
  const uint32_t l4 = kEthernetHeaderBytes + uint32_t{offload.l3_bytes};
  if (ip->protocol == kIpProtocolTcp && l4 + sizeof(TcpHeader) <= bytes) {
    auto* tcp = rte_pktmbuf_mtod_offset(frame, TcpHeader*, l4);
    offload.l4_bytes = static_cast<uint8_t>(tcp->header_bytes());
    if (large) offload.segment_bytes = frame->tso_segsz;
    // A device that merged segments itself has verified and finished their checksum: open it again.
    if (!open) {
      tcp->checksum =
          Be16::FromRaw(rte_ipv4_phdr_cksum(reinterpret_cast<const rte_ipv4_hdr*>(ip), 0));
    }
  } else if (open && ip->protocol == kIpProtocolUdp && l4 + sizeof(UdpHeader) <= bytes) {
    offload.l4_bytes = sizeof(UdpHeader);
    if (large) offload.segment_bytes = frame->tso_segsz;  // a guest's UFO
  } else {
    return;
  }
  SetOffload(frame, offload);
}

}  // namespace podwarp
