// Theory of operation
//
// A service's address belongs to no machine. Whoever calls it does so by its own node, and that
// node writes the address of a backend in its place; when the backend answers, by whatever way, the
// same node puts the service's address back. In between the packet is like any other: backends see
// who really calls, and other nodes need to know nothing.
//
// Which frames are concerned is found out for a whole burst, cheaply, since most are not:
//   - to a service: Route has led them all to the same adjacency, or to that of services' external
//     addresses (one truth for ARP and for this);
//   - to the node's own addresses, who have node ports;
//   - from a backend: ServiceTable::MayBeBackend(), a bit;
//   - ICMP and fragments, which show no ports.
// These are looked up in the connection table together. What it doesn't know, and goes to a
// service, is a new connection (connect_service.cc). Afterwards the frames have new destinations,
// and are routed again.
//
// Callers on the wire are served at external addresses and node ports. Their backend may be on
// another node, which would answer past this one: then they seem to come from this node
// (connect_service.cc). What is translated for them goes on as the node's own frames do: it may
// leave by the uplink it came from, and its answer finds the way to them, not that of pods to the
// outside.
//
// A backend that is gone lets its UDP and SCTP flows go to another one at once. A TCP connection
// can't, and is reset, unless a SYN begins a new one. A frame that can't be translated for good is
// answered at once: TCP by a reset, the rest by ICMP port unreachable.
#include <bit>

#include "dataplane/admission.h"
#include "dataplane/connect_service.h"
#include "dataplane/drop.h"
#include "dataplane/flow_headers.h"
#include "dataplane/icmp.h"
#include "dataplane/stages.h"
#include "dataplane/tcp_reset.h"
#include "dataplane/translate_icmp.h"
#include "dataplane/translation.h"
#include "podwarp/dataplane/frame.h"
#include "podwarp/table/connection_fins.h"

namespace podwarp {
namespace {

// REQUIRES: the IP header has no options, else the answer means nothing.
bool MayBeReply(const ServiceTable& services, rte_mbuf* frame, const Ipv4Header* ip) {
  if (rte_pktmbuf_data_len(frame) < kEthernetHeaderBytes + sizeof(Ipv4Header) + sizeof(Be16)) {
    return false;
  }
  const auto* source_port = reinterpret_cast<const Be16*>(ip + 1);
  return services.MayBeBackend(
      {.address = ip->source, .port = *source_port, .protocol = ip->protocol});
}

// The frames that may concern a service, a bit for each.
uint64_t FindCandidates(const Tables& tables, const Burst& burst) {
  const NodeSettings& settings = tables.settings();
  const AdjacencyIndex services = settings.services, external = settings.external_services,
                       former = settings.former_services, node = settings.node;
  uint64_t candidates = 0;
  for (uint16_t i = 0; i < burst.count; ++i) {
    const Ipv4Header* ip = Ipv4Of(burst.frames[i]);
    const bool is_odd = ip->version_and_length != Ipv4Header::kPlainVersionAndLength ||
                        ip->protocol == kIpProtocolIcmp || ip->is_fragment();
    const AdjacencyIndex to = burst.adjacencies[i];
    // No branch for each: frames to services stand among others in any order.
    const bool may_be_call = (to == services) | (to == external) | (to == former) | (to == node);
    const bool is_candidate =
        may_be_call || is_odd || MayBeReply(tables.services, burst.frames[i], ip);
    candidates |= uint64_t{is_candidate} << i;
  }
  return candidates;
}

void Establish(Connection& connection) {
  ConnectionState state = ConnectionState::kNew;
  connection.state.compare_exchange_strong(state, ConnectionState::kEstablished,
                                           std::memory_order_relaxed);
}

// TCP: once the client has gone on after an answer, so that nobody fills the table with what counts
// as established by SYNs alone, whoever answers them. Else once there is an answer.
void FollowBeginning(Connection& connection, Direction direction, bool is_tcp, uint8_t flags) {
  if (connection.state.load(std::memory_order_relaxed) != ConnectionState::kNew) return;
  if (!is_tcp) {
    if (direction == Direction::kReply) Establish(connection);
  } else if (direction == Direction::kReply) {
    connection.fins.fetch_or(kBackendHasAnswered, std::memory_order_relaxed);
  } else if ((flags & kTcpSyn) == 0 &&
             (connection.fins.load(std::memory_order_relaxed) & kBackendHasAnswered) != 0) {
    Establish(connection);
  }
}

// TCP, as far as it takes to know when a connection is over. Nothing comes back to life, and what
// somebody has removed meanwhile stays so.
void FollowEnd(Connection& connection, Direction direction, uint8_t flags) {
  const uint8_t own = direction == Direction::kOriginal ? kClientHasClosed : kBackendHasClosed;
  constexpr uint8_t kBoth = kClientHasClosed | kBackendHasClosed;
  uint8_t fins = connection.fins.load(std::memory_order_relaxed);
  if ((flags & kTcpFin) != 0 && (fins & own) == 0) {
    fins = static_cast<uint8_t>(connection.fins.fetch_or(own, std::memory_order_relaxed) | own);
  }
  const bool is_over = (flags & kTcpRst) != 0 || (fins & kBoth) == kBoth;
  const ConnectionState after = is_over ? ConnectionState::kClosed : ConnectionState::kClosing;
  ConnectionState state = connection.state.load(std::memory_order_relaxed);
  while (state != ConnectionState::kUnlinked && state < after &&
         !connection.state.compare_exchange_weak(state, after, std::memory_order_relaxed)) {
  }
}

// The candidates of one burst.
class ServiceStage {
 public:
  ServiceStage(WorkerContext& context, Burst& burst, Burst& relayed, Burst& made)
      : context_(context),
        connections_(*context.connections),
        burst_(burst),
        relayed_(relayed),
        made_(made),
        settings_(context.tables.settings()),
        now_(TickOf(context.now)) {}

  void Handle(uint64_t candidates) {
    for (; candidates != 0; candidates &= candidates - 1) {
      Sort(static_cast<uint16_t>(__builtin_ctzll(candidates)));
    }
    connections_.LookupBulk(keys_, found_, flows_);
    for (uint16_t flow = 0; flow < flows_; ++flow) HandleFlow(flow);
    if (moved_ != 0) RouteAgain();
    context_.counters.translated.Add(static_cast<uint64_t>(std::popcount(moved_)));
    if ((ended_ | relays_) != 0) Compact();
  }

 private:
  // To an address that is a service's, with all its ports.
  bool IsToService(uint16_t i) const {
    return burst_.adjacencies[i] == settings_.services ||
           burst_.adjacencies[i] == settings_.external_services ||
           burst_.adjacencies[i] == settings_.former_services;
  }
  bool MayBeCall(uint16_t i) const {
    return IsToService(i) || burst_.adjacencies[i] == settings_.node;
  }

  bool MayConcernService(uint16_t i, const FlowKey& flow) const {
    return MayBeCall(i) ||
           context_.tables.services.MayBeBackend(
               {.address = flow.source, .port = flow.source_port, .protocol = flow.protocol});
  }

  // Flows are collected, to be looked up together; all else is dealt with here.
  void Sort(uint16_t i) {
    if (burst_.adjacencies[i] == settings_.services && IsFromWire(burst_.ingress)) {
      return End(i, DropReason::kServiceFromUplink);
    }
    rte_mbuf* frame = burst_.frames[i];
    const FlowHeaders headers = ReadFlow(frame, &keys_[flows_]);
    switch (headers.kind) {
      case FlowHeaders::Kind::kFlow:
        // At once: the other fragments may stand in the same burst.
        if (headers.is_fragment && MayConcernService(i, keys_[flows_])) {
          context_.fragments.Remember(Ipv4Of(frame), keys_[flows_], now_);
        }
        return Collect(i, headers);
      case FlowHeaders::Kind::kLaterFragment:
        if (const auto flow = context_.fragments.Find(Ipv4Of(frame), now_)) {
          keys_[flows_] = *flow;
          Collect(i, headers);
        } else if (IsToService(i)) {
          End(i, DropReason::kServiceFragment);
        }
        return;
      case FlowHeaders::Kind::kIcmp:
        return HandleIcmp(i, headers);
      case FlowHeaders::Kind::kOther:
        return;  // to a service: HandleException() answers
      case FlowHeaders::Kind::kTruncated:
        if (IsToService(i)) End(i, DropReason::kTransportTruncated);
        return;
    }
  }

  // The key is there already.
  void Collect(uint16_t i, FlowHeaders headers) {
    headers_[flows_] = headers;
    position_[flows_++] = i;
  }

  void HandleIcmp(uint16_t i, FlowHeaders headers) {
    const IcmpTranslation done = TranslateIcmpError(burst_.frames[i], headers, connections_);
    switch (done.verdict) {
      case IcmpVerdict::kTranslated:
        return Moved(i, *done.connection);
      case IcmpVerdict::kTruncated:
        if (IsToService(i)) End(i, DropReason::kTransportTruncated);
        return;
      case IcmpVerdict::kNotOurs:
        return;  // an echo request to a service: HandleException() answers
    }
  }

  void HandleFlow(uint16_t flow) {
    const uint16_t i = position_[flow];
    const FlowHeaders headers = headers_[flow];
    const FlowKey& key = keys_[flow];
    ConnectionTable::Found found = found_[flow];
    if (headers.kind == FlowHeaders::Kind::kLaterFragment && found.connection == nullptr) {
      found = connections_.Lookup(key);  // its first fragment may have brought it just now
    }
    if (found.connection != nullptr && found.direction == Direction::kOriginal &&
        !Keeps(i, headers, key, &found)) {
      return;
    }
    if (found.connection == nullptr) {
      if (!MayBeCall(i)) return;
      if (headers.kind == FlowHeaders::Kind::kLaterFragment) {
        return IsToService(i) ? End(i, DropReason::kServiceFragment) : void();
      }
      const Connected connected = Connect(context_, burst_.ingress, burst_.frames[i], headers, key);
      if (connected.connection == nullptr) {
        // Of the node's ports most are its kernel's.
        if (connected.reason == DropReason::kServiceNoPort && !IsToService(i)) return;
        return Refuse(i, headers, key, connected.reason);
      }
      found = {connected.connection, Direction::kOriginal};
    }
    Follow(burst_.frames[i], headers, key, found);
    if (!Translate(burst_.frames[i], headers, key, Translation(found))) {
      return End(i, DropReason::kSctpChecksum);
    }
    Moved(i, *found.connection);
  }

  // Whether the frame goes on by the connection that was found, or by a new one (then there is none
  // any more). False: it has ended.
  bool Keeps(uint16_t i, FlowHeaders headers, const FlowKey& key, ConnectionTable::Found* found) {
    Connection* connection = found->connection;
    const BackendState backend = context_.tables.services.StateOf(connection->backend);
    const bool is_tcp = key.protocol == kIpProtocolTcp && headers.kind == FlowHeaders::Kind::kFlow;
    const uint8_t flags = is_tcp ? TcpFlags(burst_.frames[i], headers) : 0;
    const bool begins = (flags & (kTcpSyn | kTcpAck)) == kTcpSyn;
    const ConnectionState state = connection->state.load(std::memory_order_relaxed);
    if (state == ConnectionState::kUnlinked) {  // by a frame before this one
      found->connection = nullptr;
      return true;
    }
    // A port that is used again for a new connection.
    const bool is_over = state == ConnectionState::kClosed ||
                         (state == ConnectionState::kClosing && backend != BackendState::kReady);
    if (backend != BackendState::kGone && !(is_over && begins) && !HasMovedAway(*connection))
        [[likely]]
      return true;
    connections_.Remove(connection);
    found->connection = nullptr;
    if (!is_tcp || begins) return true;
    Refuse(i, headers, key, DropReason::kServiceBackendGone);
    return false;
  }

  // A backend on this node that sees who calls from the wire, and now is on another one: it would
  // answer past this node. Asked once a tick.
  bool HasMovedAway(const Connection& connection) const {
    return connection.kind == ConnectionKind::kWireFlow &&
           connection.last_used.load(std::memory_order_relaxed) != now_ &&
           connection.translated.source == connection.original.source &&
           !IsHere(context_.tables, connection.translated.destination);
  }

  static uint8_t TcpFlags(rte_mbuf* frame, FlowHeaders headers) {
    return rte_pktmbuf_mtod_offset(frame, TcpHeader*, headers.transport)->flags;
  }

  // What the frame says about the connection it belongs to.
  void Follow(rte_mbuf* frame, FlowHeaders headers, const FlowKey& key,
              const ConnectionTable::Found& found) {
    Connection& connection = *found.connection;
    if (connection.last_used.load(std::memory_order_relaxed) != now_) {
      connection.last_used.store(now_, std::memory_order_relaxed);
    }
    const bool is_tcp = key.protocol == kIpProtocolTcp && headers.kind == FlowHeaders::Kind::kFlow;
    const uint8_t flags = is_tcp ? TcpFlags(frame, headers) : 0;
    if ((flags & (kTcpFin | kTcpRst)) != 0) return FollowEnd(connection, found.direction, flags);
    FollowBeginning(connection, found.direction, is_tcp, flags);
  }

  void Refuse(uint16_t i, FlowHeaders headers, const FlowKey& key, DropReason reason) {
    rte_mbuf* frame = burst_.frames[i];
    rte_mbuf* answer = nullptr;
    switch (reason) {
      case DropReason::kServiceNoLocalBackend:
        // Who balances over the nodes has to notice that this one doesn't serve, not the callers.
        if (IsFromWire(burst_.ingress)) break;
        [[fallthrough]];
      case DropReason::kServiceNoPort:
      case DropReason::kServiceNoBackend:
      case DropReason::kServiceBackendGone:
        answer = key.protocol == kIpProtocolTcp
                     ? MakeTcpReset(context_, frame, headers, key)
                     : MakeIcmpError(context_, burst_.ingress, frame,
                                     {kIcmpUnreachable, kIcmpPortUnreachable});
        break;
      default:
        break;
    }
    if (answer != nullptr) made_.Add(answer, Ipv4Of(answer)->destination.value());
    End(i, reason);
  }

  void End(uint16_t i, DropReason reason) {
    Drop(context_, burst_.ingress.id, burst_.frames[i], reason);
    ended_ |= uint64_t{1} << i;
  }

  void Moved(uint16_t i, const Connection& connection) {
    moved_ |= uint64_t{1} << i;
    relays_ |= uint64_t{connection.kind == ConnectionKind::kWireFlow} << i;
  }

  void RouteAgain() {
    uint32_t destinations[kBurstFrames];
    AdjacencyIndex adjacencies[kBurstFrames];
    uint32_t count = 0;
    for (uint64_t left = moved_; left != 0; left &= left - 1) {
      const int i = __builtin_ctzll(left);
      destinations[count++] = burst_.destinations[i] =
          Ipv4Of(burst_.frames[i])->destination.value();
    }
    context_.tables.routes.LookupBulk(destinations, adjacencies, count);
    count = 0;
    for (uint64_t left = moved_; left != 0; left &= left - 1) {
      burst_.adjacencies[__builtin_ctzll(left)] = adjacencies[count++];
    }
  }

  void Compact() {
    const uint16_t count = burst_.count;
    burst_.count = 0;
    for (uint16_t i = 0; i < count; ++i) {
      if ((ended_ >> i & 1) != 0) continue;
      Burst& to = (relays_ >> i & 1) != 0 ? relayed_ : burst_;
      to.Add(burst_.frames[i], burst_.destinations[i], burst_.adjacencies[i]);
    }
  }

  WorkerContext& context_;
  ConnectionTable& connections_;
  Burst& burst_;
  Burst& relayed_;
  Burst& made_;
  const NodeSettings& settings_;
  const uint32_t now_;
  uint64_t moved_ = 0;   // translated; by position in the burst
  uint64_t relays_ = 0;  // those among them that are relayed
  uint64_t ended_ = 0;   // dropped

  // The flows, in the burst's order. In unions: written before they are read, they need no first
  // value.
  uint16_t flows_ = 0;
  uint16_t position_[kBurstFrames];
  union {
    FlowHeaders headers_[kBurstFrames];
  };
  union {
    FlowKey keys_[kBurstFrames];
  };
  union {
    ConnectionTable::Found found_[kBurstFrames];
  };
};

}  // namespace

void TranslateService(WorkerContext& context, Burst& burst, Burst& relayed, Burst& made) {
  const Tables& tables = context.tables;
  if (!tables.services.any()) return;
  const uint64_t candidates = FindCandidates(tables, burst);
  if (candidates != 0) ServiceStage(context, burst, relayed, made).Handle(candidates);
}

}  // namespace podwarp
