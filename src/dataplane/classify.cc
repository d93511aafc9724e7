// Theory of operation
//
// Nearly all frames are plain (plain_frames.h), and a burst of nothing else is left as it is. Each
// other frame goes to ClassifySlowly(), which takes its time to say exactly what it is.
//
// Afterwards every frame starts with an untagged Ethernet header; a VLAN tag lives only in the
// mbuf's metadata, whether the device stripped it or we did, and ports put it back. A frame's tag
// must be the port's.
#include <cstring>

#include "dataplane/drop.h"
#include "dataplane/plain_frame.h"
#include "dataplane/stages.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/net/checksum.h"

namespace podwarp {
namespace {

constexpr uint64_t kStripped = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;

enum class Protocol { kIpv4, kArp, kDropped };
struct Verdict {
  Protocol protocol;
  DropReason reason = DropReason::kNotForUs;
};

Verdict Dropped(DropReason reason) { return {Protocol::kDropped, reason}; }

bool ChecksumIsRight(const rte_mbuf* frame, const Ipv4Header* ip) {
  const uint64_t verdict = frame->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
  if (verdict == RTE_MBUF_F_RX_IP_CKSUM_GOOD) return true;
  if (verdict == RTE_MBUF_F_RX_IP_CKSUM_BAD) return false;
  return ChecksumSum(ip, ip->header_bytes()) == 0xffff;
}

// RFC 791: a loose (131) or strict (137) source route lets the sender choose the way: refused, as
// RFC 7126 4.3 and 4.4 advise. Options that don't parse are refused with it.
bool HasSourceRoute(const Ipv4Header* ip) {
  const auto* option = reinterpret_cast<const uint8_t*>(ip) + sizeof(Ipv4Header);
  const auto* end = reinterpret_cast<const uint8_t*>(ip) + ip->header_bytes();
  while (option < end) {
    if (option[0] == 0) return false;  // end of list
    if (option[0] == 1) {              // no operation
      ++option;
      continue;
    }
    if (option[0] == 131 || option[0] == 137) return true;
    if (end - option < 2 || option[1] < 2 || option[1] > end - option) return true;
    option += option[1];
  }
  return false;
}

Verdict ClassifyIpv4(rte_mbuf* frame) {
  const uint32_t available = rte_pktmbuf_pkt_len(frame) - kEthernetHeaderBytes;
  const auto* ip = HeaderAt<Ipv4Header>(frame, kEthernetHeaderBytes);
  if (available < sizeof(Ipv4Header)) return Dropped(DropReason::kIpTruncated);
  if (ip == nullptr) return Dropped(DropReason::kIpHeaderSplit);
  // RFC 1812 5.2.2, in its order: length, checksum, version, header length, total length.
  if (ip->version() != 4) return Dropped(DropReason::kIpVersion);
  const uint16_t total = ip->total_length.host();
  if (ip->header_bytes() < sizeof(Ipv4Header) || ip->header_bytes() > total) {
    return Dropped(DropReason::kIpHeaderLength);
  }
  if (total > available) return Dropped(DropReason::kIpTruncated);
  if (kEthernetHeaderBytes + ip->header_bytes() > rte_pktmbuf_data_len(frame)) {
    return Dropped(DropReason::kIpHeaderSplit);
  }
  if (!ChecksumIsRight(frame, ip)) return Dropped(DropReason::kIpChecksum);
  if (HasSourceRoute(ip)) return Dropped(DropReason::kIpSourceRoute);
  const Ipv4Address destination = ip->destination;
  if (destination.is_multicast()) return Dropped(DropReason::kMulticast);
  if (destination.is_broadcast()) return Dropped(DropReason::kBroadcast);
  if (!destination.is_host()) return Dropped(DropReason::kIpDestinationInvalid);
  if (!ip->source.is_host()) return Dropped(DropReason::kIpSourceInvalid);
  return {Protocol::kIpv4};
}

// Moves a tag in the frame to the metadata, as if the device had stripped it.
void StripVlan(rte_mbuf* frame) {
  auto* start = rte_pktmbuf_mtod(frame, uint8_t*);
  const auto* tag = reinterpret_cast<const VlanTag*>(start + 2 * sizeof(MacAddress));
  frame->vlan_tci = tag->tci.host();
  frame->ol_flags |= kStripped;
  std::memmove(start + sizeof(VlanTag), start, 2 * sizeof(MacAddress));
  rte_pktmbuf_adj(frame, sizeof(VlanTag));
}

Verdict ClassifySlowly(const Burst& burst, rte_mbuf* frame) {
  const PortSettings& port = burst.ingress.port->settings();
  const auto* ethernet = HeaderAt<EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return Dropped(DropReason::kFrameTooShort);
  if (ethernet->ether_type.host() == kEtherTypeVlan) {
    if ((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
      return Dropped(DropReason::kVlanStacked);
    }
    if (HeaderAt<VlanTag>(frame, kEthernetHeaderBytes) == nullptr) {
      return Dropped(DropReason::kFrameTooShort);
    }
    StripVlan(frame);
    ethernet = EthernetOf(frame);
    if (ethernet->ether_type.host() == kEtherTypeVlan) return Dropped(DropReason::kVlanStacked);
  }
  if (VlanOf(frame) != port.vlan_id) return Dropped(DropReason::kVlanNotCarried);
  if (!ethernet->source.is_unicast()) return Dropped(DropReason::kEthernetSourceInvalid);
  if (port.role == PortRole::kUplink && ethernet->source == port.router_mac) {
    return Dropped(DropReason::kDuplicateVirtualMac);
  }
  const uint16_t ether_type = ethernet->ether_type.host();
  // ARP has rules of its own about whom it is addressed to (10).
  if (ether_type == kEtherTypeArp || ether_type == kEtherTypeRarp) return {Protocol::kArp};
  if (ether_type == kEtherTypeIpv6) return Dropped(DropReason::kIpv6NotSupported);
  if (ethernet->destination.is_broadcast()) return Dropped(DropReason::kBroadcast);
  if (ethernet->destination.is_multicast()) return Dropped(DropReason::kMulticast);
  if (ethernet->destination != port.router_mac) return Dropped(DropReason::kNotForUs);
  if (ether_type != kEtherTypeIpv4) return Dropped(DropReason::kEtherTypeUnknown);
  return ClassifyIpv4(frame);
}

// What is left of the burst without the frames that aren't plain: these are judged one by one.
void ClassifyOthers(WorkerContext& context, uint64_t plain, Burst& burst, Burst& arp) {
  const uint16_t received = burst.count;
  burst.count = 0;
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = burst.frames[i];
    if ((plain >> i & 1) != 0) {
      burst.Add(frame, burst.destinations[i]);
      continue;
    }
    const Verdict verdict = ClassifySlowly(burst, frame);
    switch (verdict.protocol) {
      case Protocol::kIpv4:
        burst.Add(frame, Ipv4Of(frame)->destination.value());
        break;
      case Protocol::kArp:
        arp.Add(frame);
        break;
      case Protocol::kDropped:
        Drop(context, burst.ingress.id, frame, verdict.reason);
        break;
    }
  }
}

}  // namespace

void Classify(WorkerContext& context, Burst& burst, Burst& arp) {
  burst.traits = BurstTraits::OfNone();
  const PlainHeaders plain(burst.ingress.port->settings());
  const uint64_t found = context.find_plain_frames(plain, burst);
  if (found != FirstFrames(burst.count)) ClassifyOthers(context, found, burst, arp);
}

}  // namespace podwarp
