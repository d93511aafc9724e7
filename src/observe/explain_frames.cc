#include "observe/explain_frames.h"

#include <rte_hash_crc.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "podwarp/net/checksum.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

constexpr uint16_t kEchoIdentifier = 1;
constexpr uint16_t kWindow = 65'535;

// The chunk that opens an association. RFC 9260 3.3.2.
struct SctpInit {
  uint8_t type;
  uint8_t flags;
  Be16 length;
  Be32 initiate_tag;  // not 0
  Be32 window;
  Be16 outbound_streams;
  Be16 inbound_streams;
  Be32 first_sequence;
};
static_assert(sizeof(SctpInit) == 20);
constexpr uint8_t kSctpInit = 1;

// Frames that are longer than a buffer take several.
rte_mbuf* ToMbuf(const std::vector<uint8_t>& bytes, uint16_t vlan_id, rte_mempool* pool) {
  rte_mbuf* const frame = rte_pktmbuf_alloc(pool);
  if (frame == nullptr) return nullptr;
  rte_mbuf* last = frame;
  for (size_t done = 0; done < bytes.size();) {
    if (rte_pktmbuf_tailroom(last) == 0) {
      rte_mbuf* const next = rte_pktmbuf_alloc(pool);
      if (next == nullptr || rte_pktmbuf_chain(frame, next) != 0) {
        rte_pktmbuf_free(next);
        rte_pktmbuf_free(frame);
        return nullptr;
      }
      last = next;
    }
    const auto count =
        static_cast<uint16_t>(std::min<size_t>(rte_pktmbuf_tailroom(last), bytes.size() - done));
    std::memcpy(rte_pktmbuf_append(frame, count), bytes.data() + done, count);
    done += count;
  }
  if (vlan_id != 0) {
    frame->vlan_tci = vlan_id;
    frame->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  }
  return frame;
}

std::vector<uint8_t> Begin(const MadeUpFrame& frame, EtherType type, size_t bytes) {
  std::vector<uint8_t> made(kEthernetHeaderBytes + bytes);
  const EthernetHeader ethernet{frame.to, frame.from, Be16(type)};
  std::memcpy(made.data(), &ethernet, sizeof(ethernet));
  return made;
}

// Of TCP and UDP (RFC 9293 3.1, RFC 768).
Be16 TransportChecksum(const Ipv4Header& ip, const void* transport, size_t bytes) {
  const uint64_t length_and_protocol =
      uint64_t{Be16(static_cast<uint16_t>(bytes)).raw()} + Be16(uint16_t{ip.protocol}).raw();
  const uint16_t pseudo = ChecksumSum(&ip.source, 2 * sizeof(Ipv4Address), length_and_protocol);
  return Be16::FromRaw(static_cast<uint16_t>(~ChecksumSum(transport, bytes, pseudo)));
}

void MakeTransport(const Ipv4Header& ip, const FlowKey& flow, uint8_t* at, size_t bytes) {
  switch (flow.protocol) {
    case kIpProtocolIcmp: {
      auto* icmp = reinterpret_cast<IcmpHeader*>(at);
      icmp->type = kIcmpEcho;
      icmp->identifier = Be16(kEchoIdentifier);
      icmp->sequence = Be16(1);
      icmp->checksum = InternetChecksum(at, bytes);
      return;
    }
    case kIpProtocolTcp: {
      auto* tcp = reinterpret_cast<TcpHeader*>(at);
      tcp->source_port = flow.source_port;
      tcp->destination_port = flow.destination_port;
      tcp->data_offset = (sizeof(TcpHeader) / 4) << 4;
      tcp->flags = kTcpSyn;
      tcp->window = Be16(kWindow);
      tcp->checksum = TransportChecksum(ip, at, bytes);
      return;
    }
    case kIpProtocolUdp: {
      auto* udp = reinterpret_cast<UdpHeader*>(at);
      udp->source_port = flow.source_port;
      udp->destination_port = flow.destination_port;
      udp->length = Be16(static_cast<uint16_t>(bytes));
      udp->checksum = TransportChecksum(ip, at, bytes);
      if (udp->checksum.raw() == 0) udp->checksum = Be16(0xffff);  // 0 would mean none
      return;
    }
    case kIpProtocolSctp: {
      auto* sctp = reinterpret_cast<SctpHeader*>(at);
      sctp->source_port = flow.source_port;
      sctp->destination_port = flow.destination_port;
      const SctpInit init{.type = kSctpInit,
                          .flags = 0,
                          .length = Be16(sizeof(SctpInit)),
                          .initiate_tag = Be32(1),
                          .window = Be32(kWindow),
                          .outbound_streams = Be16(1),
                          .inbound_streams = Be16(1),
                          .first_sequence = Be32(1)};
      std::memcpy(sctp + 1, &init, sizeof(init));
      sctp->checksum = Be32::FromRaw(~rte_hash_crc(at, static_cast<uint32_t>(bytes), UINT32_MAX));
      return;
    }
  }
}

}  // namespace

rte_mbuf* MakeUpArpRequest(const MadeUpFrame& frame, Ipv4Address sender, Ipv4Address target,
                           rte_mempool* pool) {
  MadeUpFrame to_all = frame;
  to_all.to = MacAddress::Broadcast();
  std::vector<uint8_t> made = Begin(to_all, kEtherTypeArp, sizeof(ArpHeader));
  const ArpHeader arp{.hardware_type = Be16(kArpHardwareEthernet),
                      .protocol_type = Be16(kEtherTypeIpv4),
                      .hardware_length = sizeof(MacAddress),
                      .protocol_length = sizeof(Ipv4Address),
                      .operation = Be16(kArpRequest),
                      .sender_mac = frame.from,
                      .sender_ip = sender,
                      .target_mac = MacAddress(),
                      .target_ip = target};
  std::memcpy(made.data() + kEthernetHeaderBytes, &arp, sizeof(arp));
  return ToMbuf(made, frame.vlan_id, pool);
}

uint16_t ShortestPacket(uint8_t protocol) {
  switch (protocol) {
    case kIpProtocolIcmp:
      return sizeof(Ipv4Header) + sizeof(IcmpHeader);
    case kIpProtocolTcp:
      return sizeof(Ipv4Header) + sizeof(TcpHeader);
    case kIpProtocolUdp:
      return sizeof(Ipv4Header) + sizeof(UdpHeader);
    case kIpProtocolSctp:
      return sizeof(Ipv4Header) + sizeof(SctpHeader) + sizeof(SctpInit);
    default:
      return 0;
  }
}

rte_mbuf* MakeUpPacket(const MadeUpFrame& frame, const MadeUpPacket& packet, rte_mempool* pool) {
  std::vector<uint8_t> made = Begin(frame, kEtherTypeIpv4, packet.bytes);
  const FlowKey& flow = packet.flow;
  auto* ip = reinterpret_cast<Ipv4Header*>(made.data() + kEthernetHeaderBytes);
  *ip = Ipv4Header{.version_and_length = Ipv4Header::kPlainVersionAndLength,
                   .type_of_service = 0,
                   .total_length = Be16(packet.bytes),
                   .identification = Be16(1),
                   .fragment = Be16(packet.dont_fragment ? kIpv4DontFragment : uint16_t{0}),
                   .time_to_live = packet.time_to_live,
                   .protocol = flow.protocol,
                   .checksum = Be16(0),
                   .source = flow.source,
                   .destination = flow.destination};
  ip->checksum = InternetChecksum(ip, sizeof(Ipv4Header));
  MakeTransport(*ip, flow, reinterpret_cast<uint8_t*>(ip + 1), packet.bytes - sizeof(Ipv4Header));
  return ToMbuf(made, frame.vlan_id, pool);
}

}  // namespace podwarp
