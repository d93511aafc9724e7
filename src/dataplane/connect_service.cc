// Theory of operation
//
// The flow's hash leads to a backend by the service's Maglev ring, the same one at every node and
// after every start: a connection that is older than podwarp, or than its entry in the table, finds
// its backend again as long as the set of backends is the same. So a TCP segment in the middle of a
// connection is as good a beginning as its SYN.
//
// A service with affinity hashes the client alone, and remembers its choice in the connection table
// as a connection of its own kind, since a ring changes with its backends.
//
// A caller's source stays as it is, so that backends see who calls, but for three cases:
//   - A backend that is the sender itself would get frames from its own address, which no kernel
//     takes: their source becomes the hairpin address, and the answers come back to podwarp.
//   - A caller from the wire whose backend is on another node: that one would answer it directly,
//     as somebody whom the caller never called. So the source becomes this node's own, and a port
//     that its kernel doesn't call from.
//   - Two connections of a client, to two services with the same backend, from the same port, can't
//     be told apart by the backend: the second one gets another source port.
// Which ports are free is for the connection table to say, one for all workers: ranges for each
// would spare no lock.
#include "dataplane/connect_service.h"

#include <algorithm>

#include "dataplane/admission.h"
#include "dataplane/want_neighbor.h"
#include "net/mix.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

struct PortRange {
  uint16_t first;
  uint16_t count;
};
// For callers that call by themselves: as Linux's ephemeral ports.
constexpr PortRange kOtherPorts{32768, 32768};
// For those that the node calls for. Linux calls from 32768 on (net.ipv4.ip_local_port_range): an
// answer to the node's kernel is never taken for one of these.
constexpr PortRange kNodePorts{1024, 32768 - 1024};
constexpr int kSourcePortTries = 16;
constexpr uint8_t kAffinityMark = 1;  // in FlowKey::unused, which no frame's key has

// Fixed, unlike that of the connection table: nodes and starts must agree.
uint64_t RingHash(const FlowKey& key) {
  const FlowKey::Words words = key.words();
  return Mix(words.addresses * 0x9e3779b97f4a7c15 ^ words.ports_and_protocol);
}

FlowKey AffinityKey(const FlowKey& flow) {
  FlowKey key = flow;
  key.source_port = Be16(0);
  key.unused[0] = kAffinityMark;
  return key;
}

NextHopKind KindBehind(const Tables& tables, Ipv4Address address) {
  return tables.adjacencies[tables.routes.Lookup(address)].kind;
}

class Connector {
 public:
  Connector(WorkerContext& context, const Ingress& ingress, const FlowKey& flow)
      : context_(context),
        connections_(*context.connections),
        services_(context.tables.services),
        ingress_(ingress),
        flow_(flow),
        now_(TickOf(context.now)) {}

  // `begins`: the frame isn't a reset, which ends nothing that isn't there.
  Connected Connect(bool begins) {
    const Service* service = services_.Find(
        {.address = flow_.destination, .port = flow_.destination_port, .protocol = flow_.protocol});
    if (service == nullptr) return {.reason = DropReason::kServiceNoPort};
    if (!begins) return {.reason = DropReason::kServiceNotConnected};
    const bool is_from_wire = IsFromWire(ingress_);
    const BackendScope scope = service->ScopeFor(is_from_wire);
    if (scope == BackendScope::kNone) return {.reason = DropReason::kServiceFromUplink};
    if (is_from_wire && !IsAdmitted(*service)) return {.reason = DropReason::kServiceSourceRange};
    ConnectionTable::NewConnection wanted{.original = flow_};
    if (!Choose(*service, scope, &wanted)) {
      return {.reason = service->all.ready.empty() ? DropReason::kServiceNoBackend
                                                   : DropReason::kServiceNoLocalBackend};
    }
    return is_from_wire ? ConnectFromWire(wanted) : ConnectFromNode(wanted);
  }

 private:
  bool IsAdmitted(const Service& service) const {
    const std::vector<Ipv4Prefix>& ranges = service.source_ranges;
    return ranges.empty() ||
           std::any_of(ranges.begin(), ranges.end(),
                       [&](const Ipv4Prefix& range) { return range.Contains(flow_.source); });
  }

  // The caller is a pod of this node, or its kernel.
  Connected ConnectFromNode(ConnectionTable::NewConnection wanted) {
    if (IsSender(wanted.translated.destination)) {
      const NodeSettings& settings = context_.tables.settings();
      if (!settings.allow_hairpin) return {.reason = DropReason::kServiceHairpinOff};
      // The node's kernel has that address itself if the gateway's is link-local.
      if (settings.hairpin_address.is_zero() || settings.hairpin_address == flow_.source) {
        return {.reason = DropReason::kServiceHairpinAddress};
      }
      wanted.translated.source = settings.hairpin_address;
    }
    return Add(wanted, kOtherPorts);
  }

  Connected ConnectFromWire(ConnectionTable::NewConnection wanted) {
    wanted.kind = ConnectionKind::kWireFlow;
    // Its answer would wait for the neighbour's.
    if (KindBehind(context_.tables, flow_.source) == NextHopKind::kOnLink) {
      WantNeighbor(context_, ingress_, flow_.source);
    }
    if (IsHere(context_.tables, wanted.translated.destination)) return Add(wanted, kOtherPorts);
    wanted.translated.source = context_.tables.settings().node_address;
    if (wanted.translated.source.is_zero()) return {.reason = DropReason::kServiceNoNodeAddress};
    wanted.translated.source_port = PortToTry(kNodePorts, kSourcePortTries);
    return Add(wanted, kNodePorts);
  }

  // False if nobody is ready.
  bool Choose(const Service& service, BackendScope scope, ConnectionTable::NewConnection* wanted) {
    wanted->translated = flow_;
    if (service.affinity_ticks != 0 && ChooseAgain(service, scope, wanted)) return true;
    const bool has_affinity = service.affinity_ticks != 0;
    const BackendChoice::Backend* backend =
        service.Of(scope).Pick(RingHash(has_affinity ? AffinityKey(flow_) : flow_));
    if (backend == nullptr) return false;
    wanted->backend = backend->id;
    wanted->translated.destination = backend->endpoint.address;
    wanted->translated.destination_port = backend->endpoint.port;
    if (has_affinity) {
      // Without room for it the client has no affinity, but its connection all the same.
      connections_.Add(context_.worker,
                       {.original = AffinityKey(flow_),
                        .translated = wanted->translated,
                        .backend = backend->id,
                        .kind = ConnectionKind::kAffinity,
                        .affinity_ticks = service.affinity_ticks},
                       now_);
    }
    return true;
  }

  // The backend that the client had before, if it is ready still, the time isn't over, and the
  // scope is still as wide.
  bool ChooseAgain(const Service& service, BackendScope scope,
                   ConnectionTable::NewConnection* wanted) {
    Connection* affinity = connections_.Lookup(AffinityKey(flow_)).connection;
    if (affinity == nullptr) return false;
    // Another worker's clock may be ahead.
    const auto idle =
        static_cast<int32_t>(now_ - affinity->last_used.load(std::memory_order_relaxed));
    const bool is_over = idle >= 0 && static_cast<uint32_t>(idle) >= affinity->affinity_ticks;
    if (is_over || services_.StateOf(affinity->backend) != BackendState::kReady ||
        (scope == BackendScope::kLocal && !service.local.Has(affinity->backend))) {
      connections_.Remove(affinity);
      return false;
    }
    affinity->last_used.store(now_, std::memory_order_relaxed);
    wanted->backend = affinity->backend;
    wanted->translated.destination = affinity->translated.destination;
    wanted->translated.destination_port = affinity->translated.destination_port;
    return true;
  }

  bool IsSender(Ipv4Address backend) const {
    if (ingress_.pod != nullptr && !ingress_.pod->is_host) return ingress_.pod->Owns(backend);
    return KindBehind(context_.tables, backend) == NextHopKind::kHost;
  }

  // By the flow as its client sends it: each has tries of its own.
  Be16 PortToTry(PortRange range, int number) const {
    const uint64_t hash = Mix(RingHash(flow_) + static_cast<uint64_t>(number));
    return Be16(static_cast<uint16_t>(range.first + hash % range.count));
  }

  // `others`: where the source port is taken from if the flow's is in use toward the backend.
  Connected Add(ConnectionTable::NewConnection wanted, PortRange others) {
    for (int i = 0; i < kSourcePortTries; ++i) {
      const ConnectionTable::Added added = connections_.Add(context_.worker, wanted, now_);
      switch (added.result) {
        case ConnectionTable::AddResult::kAdded:
        case ConnectionTable::AddResult::kExists:
          return {.connection = added.connection};
        case ConnectionTable::AddResult::kFull:
          return {.reason = DropReason::kConnectionTableFull};
        case ConnectionTable::AddResult::kReplyTaken:
          break;
      }
      if (added.connection->state.load(std::memory_order_relaxed) == ConnectionState::kClosed) {
        connections_.Remove(added.connection);
        continue;
      }
      wanted.translated.source_port = PortToTry(others, i);
    }
    return {.reason = DropReason::kServiceSourcePorts};
  }

  WorkerContext& context_;
  ConnectionTable& connections_;
  const ServiceTable& services_;
  const Ingress& ingress_;
  const FlowKey& flow_;
  const uint32_t now_;
};

bool IsReset(rte_mbuf* frame, FlowHeaders headers, const FlowKey& flow) {
  if (flow.protocol != kIpProtocolTcp) return false;
  return (rte_pktmbuf_mtod_offset(frame, TcpHeader*, headers.transport)->flags & kTcpRst) != 0;
}

}  // namespace

bool IsHere(const Tables& tables, Ipv4Address backend) {
  const NextHopKind kind = KindBehind(tables, backend);
  return kind == NextHopKind::kPod || kind == NextHopKind::kHost;
}

Connected Connect(WorkerContext& context, const Ingress& ingress, rte_mbuf* frame,
                  FlowHeaders headers, const FlowKey& flow) {
  return Connector(context, ingress, flow).Connect(!IsReset(frame, headers, flow));
}

}  // namespace podwarp
