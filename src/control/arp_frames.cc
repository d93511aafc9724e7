#include "control/arp_frames.h"

#include <cstring>

#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

rte_mbuf* MakeFrame(const Port& port, const EthernetHeader& ethernet, rte_mempool* pool) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pool);
  if (frame == nullptr) return nullptr;
  char* start = rte_pktmbuf_append(frame, kMinFrameBytes);
  std::memset(start, 0, kMinFrameBytes);
  std::memcpy(start, &ethernet, sizeof(ethernet));
  if (port.settings().vlan_id != 0) {
    frame->vlan_tci = port.settings().vlan_id;
    frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
  }
  return frame;
}

rte_mbuf* MakeArp(const Port& port, const MacAddress& to, ArpOperation operation,
                  Ipv4Address sender_ip, const MacAddress& target_mac, Ipv4Address target_ip,
                  rte_mempool* pool) {
  const MacAddress& mac = port.settings().router_mac;
  rte_mbuf* frame = MakeFrame(port, {to, mac, Be16(kEtherTypeArp)}, pool);
  if (frame == nullptr) return nullptr;
  const ArpHeader arp{.hardware_type = Be16(kArpHardwareEthernet),
                      .protocol_type = Be16(kEtherTypeIpv4),
                      .hardware_length = sizeof(MacAddress),
                      .protocol_length = sizeof(Ipv4Address),
                      .operation = Be16(operation),
                      .sender_mac = mac,
                      .sender_ip = sender_ip,
                      .target_mac = target_mac,
                      .target_ip = target_ip};
  std::memcpy(rte_pktmbuf_mtod_offset(frame, void*, kEthernetHeaderBytes), &arp, sizeof(arp));
  return frame;
}

}  // namespace

rte_mbuf* MakeArpRequest(const Port& port, Ipv4Address target, std::optional<MacAddress> to,
                         rte_mempool* pool) {
  return MakeArp(port, to.value_or(MacAddress::Broadcast()), kArpRequest,
                 port.settings().underlay_address, MacAddress(), target, pool);
}

rte_mbuf* MakeArpAnnouncement(const Port& port, Ipv4Address address, bool as_reply,
                              rte_mempool* pool) {
  return MakeArp(port, MacAddress::Broadcast(), as_reply ? kArpReply : kArpRequest, address,
                 as_reply ? MacAddress::Broadcast() : MacAddress(), address, pool);
}

rte_mbuf* MakeKeepAlive(const Port& port, rte_mempool* pool) {
  const MacAddress& mac = port.settings().router_mac;
  return MakeFrame(port, {mac, mac, Be16(kEtherTypeLocalExperimental)}, pool);
}

}  // namespace podwarp
