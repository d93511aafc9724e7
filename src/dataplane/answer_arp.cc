// Theory of operation
//
// The routing table is the one truth about who owns an address: an ARP request is answered by
// looking up its target as if a frame were sent there. Nothing a frame says ever enters a table
// from here; what the control thread should hear of goes to it as an event.
//
// The numbers are those of the rules in the README's chapter on ARP. Sources: RFC 826, RFC 1027
// (proxy ARP), RFC 5227 (conflict detection), RFC 9161 (EVPN proxy ARP).
#include <algorithm>
#include <cstring>
#include <optional>

#include "dataplane/drop.h"
#include "dataplane/stages.h"
#include "podwarp/dataplane/arp_policy.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/dataplane/mark.h"

namespace podwarp {
namespace {

// What becomes of an ARP frame: answered, consumed, or dropped for a reason.
struct Verdict {
  enum Kind { kAnswer, kConsume, kDrop } kind;
  DropReason reason = DropReason::kArpMalformed;
};
constexpr Verdict kAnswer{Verdict::kAnswer};
constexpr Verdict kConsume{Verdict::kConsume};
constexpr Verdict Dropped(DropReason reason) { return {Verdict::kDrop, reason}; }

struct Query {
  WorkerContext& context;
  const Ingress& ingress;
  const EthernetHeader& ethernet;
  const ArpHeader& arp;

  const PortSettings& port() const { return ingress.port->settings(); }
  const Adjacency& Owner(Ipv4Address address) const {
    return context.tables.adjacencies[context.tables.routes.Lookup(address)];
  }
  void Tell(EventKind kind, Ipv4Address address) const {
    context.Tell({.kind = kind, .port = ingress.id, .address = address, .mac = arp.sender_mac});
  }
  bool is_request() const { return arp.operation.host() == kArpRequest; }
  bool is_probe() const { return arp.sender_ip.is_zero(); }
  bool is_gratuitous() const { return !is_probe() && arp.sender_ip == arp.target_ip; }
};

// RFC 5798, 7.3: a virtual router answers with its virtual MAC, but may send from its own.
bool IsVirtualRouterMac(const MacAddress& mac) {
  static constexpr uint8_t kPrefix[] = {0x00, 0x00, 0x5e, 0x00, 0x01};
  return std::equal(std::begin(kPrefix), std::end(kPrefix), mac.bytes().begin());
}

// What the layout of ArpHeader rests on.
bool IsForEthernetAndIpv4(const ArpHeader& arp) {
  return arp.hardware_type.host() == kArpHardwareEthernet &&
         arp.protocol_type.host() == kEtherTypeIpv4 && arp.hardware_length == sizeof(MacAddress) &&
         arp.protocol_length == sizeof(Ipv4Address);
}

std::optional<DropReason> CheckSanity(const Query& query) {
  const ArpHeader& arp = query.arp;
  const uint16_t operation = arp.operation.host();
  if (operation != kArpRequest && operation != kArpReply) return DropReason::kArpMalformed;
  if (!arp.sender_mac.is_unicast()) return DropReason::kArpSenderMacInvalid;
  const Ipv4Address sender = arp.sender_ip;
  if (sender.is_multicast() || sender.is_broadcast() || sender.is_loopback()) {
    return DropReason::kArpSenderIpInvalid;
  }
  const Ipv4Address target = arp.target_ip;
  if (target.is_zero() || target.is_multicast() || target.is_broadcast()) {
    return DropReason::kArpTargetIpInvalid;
  }
  const bool is_exempt = query.port().role == PortRole::kUplink && !query.is_request() &&
                         IsVirtualRouterMac(arp.sender_mac);
  if (query.ethernet.source != arp.sender_mac && !is_exempt) return DropReason::kArpSourceMismatch;
  return std::nullopt;
}

// The address belongs to who is behind the port: by its configuration, whatever the table says
// while a move is under way, or by a route that leads there.
bool IsOwn(const Query& query, Ipv4Address address, const Adjacency& owner) {
  return (owner.kind == NextHopKind::kPod && owner.port == query.ingress.id) ||
         query.ingress.pod->Owns(address);
}

// Rule 3. A prefix that a pod may send from makes nobody else's address its own.
Verdict JudgeAnnouncement(const Query& query) {
  const Ipv4Address address = query.arp.sender_ip;
  const Pod& pod = *query.ingress.pod;
  const Adjacency& owner = query.Owner(address);
  const bool is_own = IsOwn(query, address, owner);
  if (!is_own && IsClaimed(owner.kind)) {
    query.Tell(EventKind::kAddressConflict, address);
    return Dropped(DropReason::kArpConflict);
  }
  if (!is_own && (pod.is_host || !pod.MaySendFrom(address))) {
    return Dropped(DropReason::kArpSpoofedIp);
  }
  query.Tell(EventKind::kAddressAlive, address);
  return kConsume;
}

// Rules 1, 2, 4 and 5, for pods and for the node's kernel behind the host port.
Verdict AnswerRequest(const Query& query) {
  const Adjacency& owner = query.Owner(query.arp.target_ip);
  const bool is_own = IsOwn(query, query.arp.target_ip, owner);
  if (query.is_probe()) {
    // An answer would tell the pod that its address is taken.
    if (is_own) return Dropped(DropReason::kArpOwnProbe);
    return IsClaimed(owner.kind) ? kAnswer : Dropped(DropReason::kArpFreeProbe);
  }
  if (is_own) return Dropped(DropReason::kArpOwnAddress);
  const NodeSettings& settings = query.context.tables.settings();
  return IsAnswered(owner.kind, query.port().role, settings)
             ? kAnswer
             : Dropped(DropReason::kArpUnknownTarget);
}

Verdict JudgeFromPod(const Query& query) {
  const Pod* pod = query.ingress.pod;
  if (pod == nullptr) return Dropped(DropReason::kNoPodBehindPort);
  if (query.arp.sender_mac != pod->mac) return Dropped(DropReason::kArpSpoofedMac);  // rule 6
  if (query.is_gratuitous()) return JudgeAnnouncement(query);
  if (!query.is_probe() && !pod->MaySendFrom(query.arp.sender_ip)) {
    return Dropped(DropReason::kArpSpoofedIp);  // rule 6
  }
  if (!query.is_request()) return Dropped(DropReason::kArpUnsolicitedReply);  // rule 7
  return AnswerRequest(query);
}

// Rules 3, 7 and 11. On the wire podwarp speaks for this node, and for its pods if told to.
Verdict JudgeFromUplink(const Query& query) {
  const PortSettings& port = query.port();
  if (!query.is_probe()) {
    const Adjacency& owner = query.Owner(query.arp.sender_ip);
    const NextHopKind sender = owner.kind;
    // RFC 5227, 2.4: any ARP frame from one of our own addresses is a conflict.
    if (sender == NextHopKind::kPod || sender == NextHopKind::kHost ||
        sender == NextHopKind::kLocal ||
        (sender == NextHopKind::kExternalService && port.announce_services)) {
      query.Tell(EventKind::kAddressConflict, query.arp.sender_ip);
      return Dropped(DropReason::kArpConflict);
    }
    if (!query.is_request() || query.is_gratuitous()) {
      // Only whom the control thread asked, or a node that it knows, may say where it is: on the
      // wire that it is known to be on.
      const bool is_known = sender == NextHopKind::kUnresolved ||
                            sender == NextHopKind::kNeighbor || sender == NextHopKind::kNode;
      if (!is_known || owner.port != query.ingress.id) {
        return Dropped(DropReason::kArpUnsolicitedReply);
      }
      query.Tell(EventKind::kNeighborAnswered, query.arp.sender_ip);
      return kConsume;
    }
  } else if (!query.is_request()) {
    return Dropped(DropReason::kArpUnsolicitedReply);
  }
  if (query.arp.target_ip == port.underlay_address) return kAnswer;
  const NextHopKind target = query.Owner(query.arp.target_ip).kind;
  if (port.announce_pods && target == NextHopKind::kPod) return kAnswer;
  if (port.announce_services && target == NextHopKind::kExternalService) return kAnswer;
  return Dropped(DropReason::kArpNotAnnounced);
}

Verdict JudgeArp(const Query& query) {
  const std::optional<DropReason> fault = CheckSanity(query);
  if (fault.has_value()) return Dropped(*fault);
  // Rule 10.
  const MacAddress& destination = query.ethernet.destination;
  if (destination != query.port().router_mac && !destination.is_broadcast()) {
    return Dropped(DropReason::kArpNotForUs);
  }
  return query.port().role == PortRole::kUplink ? JudgeFromUplink(query) : JudgeFromPod(query);
}

// Rule 8. What librte_vhost injects when a virtual machine has moved here (SEND_RARP).
Verdict JudgeRarp(const Query& query) {
  const Pod* pod = query.ingress.pod;
  if (query.arp.operation.host() != kRarpRequest || query.port().role != PortRole::kPod ||
      pod == nullptr || query.ethernet.source != pod->mac || query.arp.sender_mac != pod->mac) {
    return Dropped(DropReason::kRarpSpoofed);
  }
  query.Tell(EventKind::kPodArrived, pod->addresses.front());
  return kConsume;
}

Verdict Judge(WorkerContext& context, const Ingress& ingress, rte_mbuf* frame) {
  const auto* arp = HeaderAt<ArpHeader>(frame, kEthernetHeaderBytes);
  // An ARP frame is never longer than a buffer: one in pieces is somebody's trick.
  if (arp == nullptr || frame->nb_segs != 1 || !IsForEthernetAndIpv4(*arp)) {
    return Dropped(DropReason::kArpMalformed);
  }
  if (!context.arp_limiters[ingress.id].Pass(context.limits.arp, context.now)) {
    return Dropped(DropReason::kArpRateLimited);  // rule 13
  }
  const Query query{context, ingress, *EthernetOf(frame), *arp};
  return query.ethernet.ether_type.host() == kEtherTypeRarp ? JudgeRarp(query) : JudgeArp(query);
}

// Rules 1 and 9: the request becomes the answer where it lies. A tag that it came with stands in
// vlan_tci and goes out again.
bool TurnAround(rte_mbuf* frame, const MacAddress& our_mac, uint16_t vlan_id) {
  EthernetHeader* ethernet = EthernetOf(frame);
  auto* arp = reinterpret_cast<ArpHeader*>(ethernet + 1);
  ethernet->destination = arp->sender_mac;
  ethernet->source = our_mac;
  const Ipv4Address asker = arp->sender_ip;
  arp->operation = Be16(kArpReply);
  arp->target_mac = arp->sender_mac;
  arp->sender_mac = our_mac;
  arp->sender_ip = arp->target_ip;
  arp->target_ip = asker;

  const uint16_t length = rte_pktmbuf_data_len(frame);
  constexpr uint16_t kUsed = kEthernetHeaderBytes + sizeof(ArpHeader);
  if (length > kMinFrameBytes) {
    rte_pktmbuf_trim(frame, static_cast<uint16_t>(length - kMinFrameBytes));
  } else if (length < kMinFrameBytes &&
             rte_pktmbuf_append(frame, static_cast<uint16_t>(kMinFrameBytes - length)) == nullptr) {
    return false;
  }
  std::memset(rte_pktmbuf_mtod_offset(frame, void*, kUsed), 0, kMinFrameBytes - kUsed);
  frame->ol_flags = MarkFlagOf(frame) | (vlan_id != 0 ? RTE_MBUF_F_TX_VLAN : 0);
  return true;
}

}  // namespace

void AnswerArp(WorkerContext& context, Burst& arp) {
  const PortSettings& port = arp.ingress.port->settings();
  const uint16_t received = arp.count;
  arp.count = 0;
  for (uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = arp.frames[i];
    const Verdict verdict = Judge(context, arp.ingress, frame);
    if (verdict.kind == Verdict::kDrop) {
      Drop(context, arp.ingress.id, frame, verdict.reason);
    } else if (verdict.kind == Verdict::kConsume) {
      Consume(context, frame);
    } else if (!TurnAround(frame, port.router_mac, port.vlan_id)) {
      Drop(context, arp.ingress.id, frame, DropReason::kNoBuffer);
    } else {
      context.counters.arp_answers.Add(1);
      arp.Add(frame);
    }
  }
}

}  // namespace podwarp
