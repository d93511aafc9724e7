// Where an address leads. The order is that of HandleException() (dataplane/exceptions.cc), for a
// frame that a pod sends.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/services.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

bool IsOutsideCluster(NextHopKind kind) {
  return kind == NextHopKind::kNone || kind == NextHopKind::kOnLink ||
         kind == NextHopKind::kNeighbor;
}

bool IsService(NextHopKind kind) {
  return kind == NextHopKind::kService || kind == NextHopKind::kExternalService;
}

void SetDropped(DropReason reason, RouteReport* report) {
  report->verdict = "dropped";
  report->reason = reason;
  report->summary =
      absl::StrCat("dropped: ", std::string(Name(reason)), " (", std::string(Help(reason)), ")");
}

void DescribeNextHop(const Node& node, const Adjacency& adjacency, RouteReport* report) {
  const Port* port = node.tables().ports.Get(adjacency.port);
  report->next_hop_mac = adjacency.destination;
  report->port = NameOfPort(node, adjacency.port);
  report->mtu_bytes = adjacency.mtu_bytes;
  if (port == nullptr) return SetDropped(DropReason::kPortGone, report);
  const PortState state = port->State();
  report->up = state.up;
  report->why_down = state.why_down;
  if (!state.up) {
    SetDropped(DropReason::kPortDown, report);
    absl::StrAppend(&report->summary, "; ", report->port, ": ", state.why_down);
    return;
  }
  report->verdict = "sent";
  report->summary = absl::StrCat("goes to ", report->next_hop, " by port ", report->port);
}

// Those that workers find at the address, as they have them.
void AddServices(const Node& node, RouteReport* report) {
  const auto add = [&](const ServiceConfig& service, const ServicePortConfig& port,
                       uint16_t number) {
    const Service* published =
        node.tables().services.Find({report->address, Be16(number), port.protocol});
    if (published == nullptr || published->name != NameOf(service, port)) return;
    const auto terminating = std::count_if(
        port.backends.begin(), port.backends.end(),
        [](const BackendConfig& backend) { return backend.phase == BackendPhase::kTerminating; });
    report->services.push_back({.name = published->name,
                                .port = number,
                                .protocol = port.protocol,
                                .ready = published->Of(published->inside).ready.size(),
                                .terminating = static_cast<size_t>(terminating)});
  };
  const bool is_service = IsService(report->kind);
  for (const auto& [name, service] : node.services()) {
    const auto& external = service.external_addresses;
    const bool is_here = is_service && (service.address == report->address ||
                                        std::find(external.begin(), external.end(),
                                                  report->address) != external.end());
    for (const ServicePortConfig& port : service.ports) {
      if (is_here) add(service, port, port.port);
      if (!is_service && port.node_port != 0) add(service, port, port.node_port);
    }
  }
}

}  // namespace

RouteReport ReportRoute(const Node& node, Ipv4Address address) {
  const AddressReport known = ReportAddress(node, address);
  RouteReport report;
  report.address = address;
  report.owner = known.owner;
  report.kind = known.kind;
  report.answered_with = known.answered_with;
  if (IsService(known.kind) || known.kind == NextHopKind::kHost ||
      known.kind == NextHopKind::kLocal) {
    AddServices(node, &report);
  }
  const Tables& tables = node.tables();
  const AdjacencyIndex index = IsOutsideCluster(known.kind) ? tables.settings().external_from_pod
                                                            : tables.routes.Lookup(address);
  const Adjacency& adjacency = tables.adjacencies[index];
  switch (adjacency.kind) {
    case NextHopKind::kNone:
      SetDropped(DropReason::kNoRoute, &report);
      break;
    case NextHopKind::kUnowned:
    case NextHopKind::kReserved:
      SetDropped(DropReason::kUnownedAddress, &report);
      break;
    case NextHopKind::kOnLink:
    case NextHopKind::kUnresolved:
      SetDropped(DropReason::kNeighborUnresolved, &report);
      break;
    case NextHopKind::kLocal:
      report.verdict = "consumed";
      report.summary = "ends in podwarp, which answers ping";
      break;
    case NextHopKind::kService:
    case NextHopKind::kExternalService:
      report.verdict = "translated";
      report.summary = report.services.empty()
                           ? "is refused: a service that is gone had the address"
                           : "goes to a backend of the service whose port it is for";
      break;
    case NextHopKind::kPod:
    case NextHopKind::kHost:
    case NextHopKind::kNode:
    case NextHopKind::kNeighbor:
      report.next_hop = std::string(node.owners().NameOf(index));
      DescribeNextHop(node, adjacency, &report);
      break;
  }
  return report;
}

}  // namespace podwarp
