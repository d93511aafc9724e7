// What is in the node's tables: services, connections, addresses.
#include <algorithm>

#include "podwarp/dataplane/arp_policy.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

AddressReport Describe(const Node& node, const Ipv4Prefix& prefix, std::string_view owner,
                       AdjacencyIndex index) {
  const Adjacency& adjacency = node.tables().adjacencies[index];
  AddressReport report{.prefix = prefix, .owner = std::string(owner), .kind = adjacency.kind};
  const NodeSettings& settings = node.tables().settings();
  if (IsAnswered(adjacency.kind, PortRole::kPod, settings)) {
    report.answered_with = settings.gateway_mac;
  }
  if (adjacency.kind >= kFirstForwardable) report.next_hop_mac = adjacency.destination;
  if (adjacency.port != kNoPort) report.next_hop_port = NameOfPort(node, adjacency.port);
  return report;
}

}  // namespace

std::vector<ServicePlace> ListServices(const Node& node) {
  std::vector<ServicePlace> places;
  for (const auto& [name, service] : node.services()) {
    for (const ServicePortConfig& port : service.ports) places.push_back({&service, &port});
  }
  return places;
}

ServiceReport ReportService(const ServicePlace& place) {
  ServiceReport report;
  report.name = NameOf(*place.service, *place.port);
  report.address = place.service->address;
  report.port = place.port->port;
  report.protocol = place.port->protocol;
  report.session_affinity = place.service->session_affinity;
  report.external_addresses = place.service->external_addresses;
  report.source_ranges = place.service->source_ranges;
  report.internal_traffic = place.service->internal_traffic;
  report.external_traffic = place.service->external_traffic;
  report.node_port = place.port->node_port;
  for (const BackendConfig& backend : place.port->backends) {
    const bool is_ready = backend.phase == BackendPhase::kReady;
    (is_ready ? report.ready : report.terminating).push_back(backend);
  }
  return report;
}

ConnectionsReport ReportConnections(const Node& node) {
  const ConnectionTable& connections = node.tables().connections;
  ConnectionsReport report;
  report.capacity = connections.capacity();
  report.most_bytes = ConnectionTable::BytesFor(report.capacity);
  report.statistics = connections.statistics();
  return report;
}

OwnedPrefixes ListPrefixes(const Node& node, size_t start, size_t count) {
  std::vector<OwnedPrefix> all;
  all.reserve(node.tables().routes.size());
  for (const auto& [name, owner] : node.owners().all()) {
    for (const Ipv4Prefix& prefix : owner.prefixes) all.push_back({prefix, &name});
  }
  const auto less = [](const OwnedPrefix& a, const OwnedPrefix& b) { return a.prefix < b.prefix; };
  const auto first = all.begin() + static_cast<ptrdiff_t>(std::min(start, all.size()));
  const auto left = static_cast<size_t>(all.end() - first);
  const auto last = first + static_cast<ptrdiff_t>(std::min(count, left));
  std::nth_element(all.begin(), first, all.end(), less);
  std::partial_sort(first, last, all.end(), less);
  return {.total = all.size(), .listed = {first, last}};
}

AddressReport ReportPrefix(const Node& node, const OwnedPrefix& owned) {
  return Describe(node, owned.prefix, *owned.owner, node.owners().Find(*owned.owner)->adjacency);
}

AddressReport ReportAddress(const Node& node, Ipv4Address address) {
  return Describe(node, Ipv4Prefix::Host(address), node.owners().OwnerOf(address),
                  node.tables().routes.Lookup(address));
}

}  // namespace podwarp
