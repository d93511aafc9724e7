// Theory of operation
//
// An error goes back to who sent the packet that it quotes, and quotes it as the reporter saw it.
// So the quoted packet, turned around, is in the direction in which the error itself goes, and its
// key finds the connection:
//
//   about what the client sent:   quotes client -> backend, found as a reply; the client has to
//                                 read client -> service
//   about what the backend sent:  quotes service -> client, found as original (the client sends the
//                                 error to the service); the backend has to read backend -> client
//
// The error's destination is whoever sent the quoted packet, else it is none. Its source changes
// only if it is one of the two ends: a router that reports keeps its own address, so that a
// traceroute shows it.
#include "dataplane/translate_icmp.h"

#include <algorithm>
#include <cstring>

#include "dataplane/icmp.h"
#include "dataplane/translation.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

constexpr uint32_t kQuotedPortsBytes = 8;  // RFC 792: at least so much behind the IP header

// The quoted packet: IP header and what there is of TCP, UDP or SCTP.
struct Quote {
  Ipv4Header* ip;
  uint8_t* transport;
  uint32_t transport_bytes;  // that are there
};

// What the change from `from` to `to` adds to a sum over them.
uint16_t DeltaOf(const void* from, const void* to, size_t bytes) {
  return FoldChecksum(uint64_t{static_cast<uint16_t>(~ChecksumSum(from, bytes))} +
                      ChecksumSum(to, bytes));
}

void Update(Be16* checksum, uint16_t delta) { *checksum = Updated(*checksum, delta); }

Be16* TransportChecksum(const Quote& quote) {
  const size_t offset = quote.ip->protocol == kIpProtocolTcp   ? offsetof(TcpHeader, checksum)
                        : quote.ip->protocol == kIpProtocolUdp ? offsetof(UdpHeader, checksum)
                                                               : SIZE_MAX;
  if (offset >= quote.transport_bytes || quote.transport_bytes - offset < sizeof(Be16)) {
    return nullptr;  // SCTP: nobody can check the CRC of a quote anyway
  }
  return reinterpret_cast<Be16*>(quote.transport + offset);
}

void RewriteQuote(const Quote& quote, const FlowKey& from, const FlowKey& to) {
  const uint16_t address_delta = DeltaOf(&from, &to, 2 * sizeof(Ipv4Address));
  const uint16_t delta = DeltaOf(&from, &to, 2 * (sizeof(Ipv4Address) + sizeof(Be16)));
  quote.ip->source = to.source;
  quote.ip->destination = to.destination;
  Update(&quote.ip->checksum, address_delta);
  std::memcpy(quote.transport, &to.source_port, sizeof(Be16));
  std::memcpy(quote.transport + sizeof(Be16), &to.destination_port, sizeof(Be16));
  Be16* checksum = TransportChecksum(quote);
  const bool is_none = quote.ip->protocol == kIpProtocolUdp && checksum->raw() == 0;
  if (checksum != nullptr && !is_none) Update(checksum, delta);
}

// Who the ends are called where the error goes.
void RewriteEnvelope(Ipv4Header* ip, const ConnectionTable::Found& found) {
  const FlowKey& original = found.connection->original;
  const FlowKey& translated = found.connection->translated;
  const Ipv4Header before = *ip;
  if (found.direction == Direction::kReply) {
    if (ip->source == translated.destination) ip->source = original.destination;
    ip->destination = original.source;
  } else {
    if (ip->source == original.source) ip->source = translated.source;
    ip->destination = translated.destination;
  }
  Update(&ip->checksum, DeltaOf(&before.source, &ip->source, 2 * sizeof(Ipv4Address)));
}

}  // namespace

IcmpTranslation TranslateIcmpError(rte_mbuf* frame, FlowHeaders headers,
                                   ConnectionTable& connections) {
  auto* icmp = HeaderAt<IcmpHeader>(frame, headers.transport);
  if (icmp == nullptr) return {IcmpVerdict::kTruncated};
  if (!IsIcmpError(icmp->type)) return {IcmpVerdict::kNotOurs};
  Ipv4Header* ip = Ipv4Of(frame);
  const uint32_t begin = headers.transport + static_cast<uint32_t>(sizeof(IcmpHeader));
  const uint32_t end = std::min(kEthernetHeaderBytes + uint32_t{ip->total_length.host()},
                                uint32_t{rte_pktmbuf_data_len(frame)});
  if (end < begin + sizeof(Ipv4Header)) return {IcmpVerdict::kTruncated};
  Quote quote;
  quote.ip = rte_pktmbuf_mtod_offset(frame, Ipv4Header*, begin);
  const uint32_t transport = begin + quote.ip->header_bytes();
  if (quote.ip->version() != 4 || quote.ip->header_bytes() < sizeof(Ipv4Header) ||
      end < transport + kQuotedPortsBytes) {
    return {IcmpVerdict::kTruncated};
  }
  if ((quote.ip->fragment.host() & kIpv4OffsetMask) != 0) return {IcmpVerdict::kNotOurs};
  // Sent to somebody else than whose packet it is about: nobody could have had a reason.
  if (ip->destination != quote.ip->source) return {IcmpVerdict::kNotOurs};
  quote.transport = rte_pktmbuf_mtod_offset(frame, uint8_t*, transport);
  quote.transport_bytes = end - transport;

  FlowKey quoted;
  quoted.source = quote.ip->source;
  quoted.destination = quote.ip->destination;
  std::memcpy(&quoted.source_port, quote.transport, sizeof(Be16));
  std::memcpy(&quoted.destination_port, quote.transport + sizeof(Be16), sizeof(Be16));
  quoted.protocol = quote.ip->protocol;
  const ConnectionTable::Found found = connections.Lookup(quoted.Reversed());
  if (found.connection == nullptr) return {IcmpVerdict::kNotOurs};

  // Of the ICMP message so much changes, which begins at an even offset of it.
  const size_t quote_bytes =
      std::min<size_t>(end - begin, quote.ip->header_bytes() + sizeof(TcpHeader));
  uint8_t before[UINT8_MAX];
  std::memcpy(before, quote.ip, quote_bytes);
  RewriteQuote(quote, quoted,
               found.direction == Direction::kReply ? found.connection->original
                                                    : found.connection->translated.Reversed());
  Update(&icmp->checksum, DeltaOf(before, quote.ip, quote_bytes));
  RewriteEnvelope(ip, found);
  return {IcmpVerdict::kTranslated, found.connection};
}

}  // namespace podwarp
