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
// A backend that is the sender itself would get frames from its own address, which no kernel takes:
// their source becomes the hairpin address, and the answers come back to podwarp. Nobody else's
// source changes, but for one case. Two connections of a client, to two services with the same
// backend, from the same port, can't be told apart by the backend: the second one gets another
// source port.
#include "dataplane/connect_service.h"

#include "net/mix.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

constexpr int kSourcePortTries = 8;
constexpr uint16_t kFirstOtherPort = 32768;  // as Linux's ephemeral ports
constexpr uint8_t kAffinityMark = 1;         // in FlowKey::unused, which no frame's key has

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

class Connector {
 public:
  Connector(WorkerContext& context, const Ingress& ingress, const FlowKey& flow)
      : context_(context),
        connections_(context.tables.connections),
        services_(context.tables.services),
        ingress_(ingress),
        flow_(flow),
        now_(TickOf(context.now)) {}

  Connected Connect() {
    const Service* service = services_.Find(
        {.address = flow_.destination, .port = flow_.destination_port, .protocol = flow_.protocol});
    if (service == nullptr) return {.reason = DropReason::kServiceNoPort};
    ConnectionTable::NewConnection wanted{.original = flow_};
    if (!Choose(*service, &wanted)) return {.reason = DropReason::kServiceNoBackend};
    if (IsSender(wanted.translated.destination)) {
      const NodeSettings& settings = context_.tables.settings();
      if (!settings.allow_hairpin) return {.reason = DropReason::kServiceHairpinOff};
      // The node's kernel has that address itself if the gateway's is link-local.
      if (settings.hairpin_address.is_zero() || settings.hairpin_address == flow_.source) {
        return {.reason = DropReason::kServiceHairpinAddress};
      }
      wanted.translated.source = settings.hairpin_address;
    }
    return Add(wanted);
  }

 private:
  // False if nobody is ready.
  bool Choose(const Service& service, ConnectionTable::NewConnection* wanted) {
    wanted->translated = flow_;
    if (service.affinity_ticks != 0 && ChooseAgain(wanted)) return true;
    const bool has_affinity = service.affinity_ticks != 0;
    const Service::Backend* backend =
        service.Pick(RingHash(has_affinity ? AffinityKey(flow_) : flow_));
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

  // The backend that the client had before, if it is ready still and the time isn't over.
  bool ChooseAgain(ConnectionTable::NewConnection* wanted) {
    Connection* affinity = connections_.Lookup(AffinityKey(flow_)).connection;
    if (affinity == nullptr) return false;
    // Another worker's clock may be ahead.
    const auto idle =
        static_cast<int32_t>(now_ - affinity->last_used.load(std::memory_order_relaxed));
    const bool is_over = idle >= 0 && static_cast<uint32_t>(idle) >= affinity->affinity_ticks;
    if (is_over || services_.StateOf(affinity->backend) != BackendState::kReady) {
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
    const AdjacencyIndex index = context_.tables.routes.Lookup(backend);
    return context_.tables.adjacencies[index].kind == NextHopKind::kHost;
  }

  Connected Add(ConnectionTable::NewConnection wanted) {
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
      const auto step = static_cast<uint16_t>(RingHash(wanted.translated) % kFirstOtherPort);
      wanted.translated.source_port = Be16(static_cast<uint16_t>(kFirstOtherPort + step));
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

// A reset ends nothing that isn't there.
bool IsReset(rte_mbuf* frame, FlowHeaders headers, const FlowKey& flow) {
  if (flow.protocol != kIpProtocolTcp) return false;
  return (rte_pktmbuf_mtod_offset(frame, TcpHeader*, headers.transport)->flags & kTcpRst) != 0;
}

}  // namespace

Connected Connect(WorkerContext& context, const Ingress& ingress, rte_mbuf* frame,
                  FlowHeaders headers, const FlowKey& flow) {
  if (IsReset(frame, headers, flow)) return {.reason = DropReason::kServiceNotConnected};
  return Connector(context, ingress, flow).Connect();
}

}  // namespace podwarp
