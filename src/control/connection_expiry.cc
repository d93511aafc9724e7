#include "control/connection_expiry.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dataplane/tcp_segment.h"
#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

// Where the configuration says nothing: Linux's defaults (Documentation/networking/
// nf_conntrack-sysctl.rst) but for two. A connection that one side has closed may last, as with
// kube-proxy; one that is over is found again by its service's ring if a late segment comes, and a
// new one may begin from the same port at once, so that it needs no two minutes.
constexpr absl::Duration kTcpNew = absl::Seconds(120);
constexpr absl::Duration kTcpClosing = absl::Hours(1);
constexpr absl::Duration kTcpClosed = absl::Seconds(30);
// Linux answers what it can't accept twice a second at most (net.ipv4.tcp_invalid_ratelimit).
constexpr absl::Duration kTcpTellAgain = absl::Seconds(1);
constexpr absl::Duration kUdpNew = absl::Seconds(30);
constexpr absl::Duration kSctpNew = absl::Seconds(60);
constexpr absl::Duration kSctpEstablished = absl::Seconds(210);

ConnectionTimeouts TimeoutsOf(const ConnectionsConfig& config, uint64_t tsc_hz) {
  const auto ticks = [tsc_hz](absl::Duration duration) {
    return ConnectionTicks(duration, tsc_hz);
  };
  ConnectionTimeouts timeouts;
  timeouts.tcp_new = ticks(std::min(kTcpNew, config.tcp_idle));
  timeouts.tcp_established = ticks(config.tcp_idle);
  timeouts.tcp_closing = ticks(std::min(kTcpClosing, config.tcp_idle));
  timeouts.tcp_closed = ticks(std::min(kTcpClosed, config.tcp_idle));
  timeouts.tcp_tell_again = ticks(kTcpTellAgain);
  timeouts.udp_new = ticks(std::min(kUdpNew, config.udp_idle));
  timeouts.udp_established = ticks(config.udp_idle);
  timeouts.sctp_new = ticks(kSctpNew);
  timeouts.sctp_established = ticks(kSctpEstablished);
  return timeouts;
}

}  // namespace

uint32_t ConnectionTicks(absl::Duration duration, uint64_t tsc_hz) {
  const double cycles = absl::ToDoubleSeconds(duration) * static_cast<double>(tsc_hz);
  return static_cast<uint32_t>(
      std::clamp(std::ceil(std::ldexp(cycles, -kTickShift)), 1.0, double{UINT32_MAX / 2}));
}

ConnectionExpiry::ConnectionExpiry(const ConnectionsConfig& config, uint64_t tsc_hz, Tables* tables,
                                   Send send, rte_mempool* pool)
    : tables_(*tables),
      timeouts_(TimeoutsOf(config, tsc_hz)),
      send_(std::move(send)),
      pool_(pool) {}

void ConnectionExpiry::Tick(uint64_t tsc) {
  tables_.connections.Expire(
      TickOf(tsc), timeouts_, [this](BackendId id) { return tables_.services.StateOf(id); },
      [this](const Connection& connection) { return TellClient(connection); });
}

// A reset needs the number that the client expects next, which only the client knows. It says so in
// answer to a segment that it can't accept (RFC 9293 3.10.7.4), and that answer, sent to a backend
// that is gone, is reset with the right number by TranslateService().
bool ConnectionExpiry::TellClient(const Connection& connection) {
  const FlowKey& call = connection.original;
  AdjacencyIndex index = tables_.routes.Lookup(call.source);
  if (tables_.adjacencies[index].kind == NextHopKind::kNone) {
    index = tables_.settings().external_from_host;
  }
  const Adjacency& adjacency = tables_.adjacencies[index];
  // A client that is gone itself needs to hear nothing.
  if (adjacency.kind < kFirstForwardable) return true;
  TcpSegment question;
  question.flow = call.Reversed();
  question.flags = kTcpAck;
  rte_mbuf* frame = MakeTcpSegment(question, pool_);
  if (frame == nullptr) return false;
  EthernetHeader* ethernet = EthernetOf(frame);
  ethernet->destination = adjacency.destination;
  ethernet->source = adjacency.source;
  if (adjacency.vlan_id != 0) {
    frame->vlan_tci = adjacency.vlan_id;
    frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
  }
  return send_(adjacency.port, frame);
}

}  // namespace podwarp
