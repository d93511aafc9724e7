#include "dataplane/tcp_segment.h"

#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

constexpr uint16_t kPacketBytes = sizeof(Ipv4Header) + sizeof(TcpHeader);

// RFC 9293 3.1.
Be16 TcpChecksum(const Ipv4Header* ip, const TcpHeader* tcp) {
  const uint64_t length_and_protocol =
      uint64_t{Be16(sizeof(TcpHeader)).raw()} + Be16(kIpProtocolTcp).raw();
  const uint16_t pseudo = ChecksumSum(&ip->source, 2 * sizeof(Ipv4Address), length_and_protocol);
  return Be16::FromRaw(static_cast<uint16_t>(~ChecksumSum(tcp, sizeof(TcpHeader), pseudo)));
}

}  // namespace

rte_mbuf* MakeTcpSegment(const TcpSegment& segment, rte_mempool* pool) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pool);
  if (frame == nullptr) return nullptr;
  auto* ethernet = reinterpret_cast<EthernetHeader*>(
      rte_pktmbuf_append(frame, kEthernetHeaderBytes + kPacketBytes));
  *ethernet = {MacAddress(), MacAddress(), Be16(kEtherTypeIpv4)};
  Ipv4Header* ip = Ipv4Of(frame);
  *ip = Ipv4Header{.version_and_length = Ipv4Header::kPlainVersionAndLength,
                   .type_of_service = 0,
                   .total_length = Be16(kPacketBytes),
                   .identification = Be16(0),
                   .fragment = Be16(kIpv4DontFragment),
                   .time_to_live = segment.time_to_live,
                   .protocol = kIpProtocolTcp,
                   .checksum = Be16(0),
                   .source = segment.flow.source,
                   .destination = segment.flow.destination};
  ip->checksum = InternetChecksum(ip, sizeof(Ipv4Header));
  auto* tcp = reinterpret_cast<TcpHeader*>(ip + 1);
  *tcp = TcpHeader{.source_port = segment.flow.source_port,
                   .destination_port = segment.flow.destination_port,
                   .sequence = Be32(segment.sequence),
                   .acknowledgement = Be32(segment.acknowledgement),
                   .data_offset = (sizeof(TcpHeader) / 4) << 4,
                   .flags = segment.flags,
                   .window = Be16(0),
                   .checksum = Be16(0),
                   .urgent = Be16(0)};
  tcp->checksum = TcpChecksum(ip, tcp);
  return frame;
}

}  // namespace podwarp
