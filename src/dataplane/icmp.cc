#include "dataplane/icmp.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/frame_sum.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

// RFC 1812 4.3.2.3: as much of the offending packet as fits into 576 bytes.
constexpr uint16_t kErrorBytes = 576;
constexpr uint16_t kQuotedBytes = kErrorBytes - sizeof(Ipv4Header) - sizeof(IcmpHeader);
constexpr uint8_t kInternetworkControl = 0xc0;  // RFC 1812 4.3.2.5: precedence 6

bool HasIcmpError(rte_mbuf* frame) {
  const Ipv4Header* ip = Ipv4Of(frame);
  if (ip->protocol != kIpProtocolIcmp) return false;
  const auto* icmp = HeaderAt<IcmpHeader>(frame, kEthernetHeaderBytes + ip->header_bytes());
  if (icmp == nullptr) return true;  // can't be told: rather say nothing
  return IsIcmpError(icmp->type);
}

// Toward pods and the kernel podwarp is the gateway; on the wire it is the node.
Ipv4Address OwnAddress(const WorkerContext& context, const Ingress& ingress) {
  const Ipv4Address underlay = ingress.port->settings().underlay_address;
  if (ingress.role() == PortRole::kUplink && !underlay.is_zero()) return underlay;
  return context.tables.settings().gateway_address;
}

void FinishIpHeader(Ipv4Header* ip) {
  ip->checksum = Be16(0);
  ip->checksum = InternetChecksum(ip, ip->header_bytes());
}

}  // namespace

bool IsIcmpError(uint8_t type) {
  switch (type) {
    case kIcmpUnreachable:
    case kIcmpSourceQuench:
    case kIcmpRedirect:
    case kIcmpTimeExceeded:
    case kIcmpParameterProblem:
      return true;
    default:
      return false;
  }
}

rte_mbuf* MakeIcmpError(WorkerContext& context, const Ingress& ingress, rte_mbuf* offending,
                        const IcmpError& error) {
  if (ingress.port == nullptr) return nullptr;
  Ipv4Header* bad = Ipv4Of(offending);
  if ((bad->fragment.host() & kIpv4OffsetMask) != 0 || HasIcmpError(offending)) return nullptr;
  if (!context.icmp_error_limiter.Pass(context.limits.icmp_errors, context.now)) return nullptr;
  rte_mbuf* frame = rte_pktmbuf_alloc(context.pool);
  if (frame == nullptr) return nullptr;
  context.counters.originated.Add(1);
  context.counters.icmp_errors.Add(1);

  const uint16_t quoted = std::min(bad->total_length.host(), kQuotedBytes);
  const auto bytes = static_cast<uint16_t>(sizeof(Ipv4Header) + sizeof(IcmpHeader) + quoted);
  auto* ethernet = reinterpret_cast<EthernetHeader*>(
      rte_pktmbuf_append(frame, static_cast<uint16_t>(kEthernetHeaderBytes + bytes)));
  ethernet->ether_type = Be16(kEtherTypeIpv4);  // MACs: Rewrite

  auto* ip = Ipv4Of(frame);
  *ip = Ipv4Header{.version_and_length = 0x45,
                   .type_of_service = kInternetworkControl,
                   .total_length = Be16(bytes),
                   .identification = Be16(context.next_ip_identification++),
                   .fragment = Be16(0),
                   .time_to_live = kMadeTimeToLive,
                   .protocol = kIpProtocolIcmp,
                   .checksum = Be16(0),
                   .source = OwnAddress(context, ingress),
                   .destination = bad->source};
  FinishIpHeader(ip);

  auto* icmp = reinterpret_cast<IcmpHeader*>(ip + 1);
  *icmp = IcmpHeader{.type = error.type,
                     .code = error.code,
                     .checksum = Be16(0),
                     .identifier = Be16(0),
                     .sequence = Be16(error.mtu_bytes)};
  void* quote = icmp + 1;
  const void* source = rte_pktmbuf_read(offending, kEthernetHeaderBytes, quoted, quote);
  if (source != quote) std::memcpy(quote, source, quoted);
  icmp->checksum = InternetChecksum(icmp, sizeof(IcmpHeader) + quoted);
  context.observation.Made(offending, frame);
  return frame;
}

EchoVerdict TurnEchoAround(rte_mbuf* frame) {
  Ipv4Header* ip = Ipv4Of(frame);
  if (ip->protocol != kIpProtocolIcmp) return EchoVerdict::kNotEcho;
  const uint32_t offset = kEthernetHeaderBytes + ip->header_bytes();
  const uint32_t bytes = ip->total_length.host() - ip->header_bytes();
  auto* icmp = HeaderAt<IcmpHeader>(frame, offset);
  if (icmp == nullptr || bytes < sizeof(IcmpHeader) ||
      FrameSum(frame, offset, offset + bytes) != 0xffff) {
    return EchoVerdict::kInvalid;
  }
  if (icmp->type != kIcmpEcho) return EchoVerdict::kNotEcho;
  icmp->type = kIcmpEchoReply;
  icmp->checksum =
      UpdateChecksum(icmp->checksum, Be16(kIcmpEcho << 8).raw(), Be16(kIcmpEchoReply << 8).raw());
  std::swap(ip->source, ip->destination);
  ip->time_to_live = kMadeTimeToLive;
  FinishIpHeader(ip);
  return EchoVerdict::kReply;
}

}  // namespace podwarp
