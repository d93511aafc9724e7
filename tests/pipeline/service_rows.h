// The node of test_node.h with services on it, and its frames.
//
//   10.96.0.10  tcp/80, udp/53, sctp/99   the client's peer is a pod on node b, 10.244.2.10
//   10.96.0.11  tcp/80                    pod_b
//   10.96.0.12  tcp/80, udp/53            pod_a itself
//   10.96.0.13  tcp/80, udp/53            nobody
#pragma once

#include <string>
#include <vector>

#include "pipeline/ip_rows.h"

namespace podwarp::test {

inline const Ipv4Address kRemoteService = "10.96.0.10"_ip, kLocalService = "10.96.0.11"_ip,
                         kOwnService = "10.96.0.12"_ip, kEmptyService = "10.96.0.13"_ip;
inline constexpr uint16_t kClientPort = 40000;

using BackendSpecs = std::vector<ServiceTable::BackendSpec>;

class ServiceTest : public NodeTest {
 protected:
  explicit ServiceTest(uint32_t connection_capacity = Tables::kFewConnections)
      : NodeTest(connection_capacity) {
    const AdjacencyIndex services =
        node.AddRoute(Ipv4Prefix::Host(kRemoteService), {.kind = NextHopKind::kService});
    for (const Ipv4Address address : {kLocalService, kOwnService, kEmptyService}) {
      CHECK(node.tables.routes.Set(Ipv4Prefix::Host(address), services).ok());
    }
    NodeSettings changed = node.settings;
    changed.services = services;
    changed.hairpin_address = kGatewayIp;
    node.Publish(changed);

    Set(kRemoteService, kIpProtocolTcp, 80, {{kRemoteIp, Be16(8080)}});
    Set(kRemoteService, kIpProtocolUdp, 53, {{kRemoteIp, Be16(5353)}});
    Set(kRemoteService, kIpProtocolSctp, 99, {{kRemoteIp, Be16(9900)}});
    Set(kLocalService, kIpProtocolTcp, 80, {{kIpB, Be16(8080)}});
    for (const uint8_t protocol : {kIpProtocolTcp, kIpProtocolUdp}) {
      const uint16_t port = protocol == kIpProtocolTcp ? 80 : 53;
      Set(kOwnService, protocol, port, {{kIpA, Be16(8080)}});
      Set(kEmptyService, protocol, port, {});
    }
  }

  void Set(Ipv4Address address, uint8_t protocol, uint16_t port, const BackendSpecs& backends,
           uint32_t affinity_ticks = 0) {
    ServiceTable::ServiceSpec spec;
    spec.name = "default/" + address.ToString();
    spec.endpoint = {.address = address, .port = Be16(port), .protocol = protocol};
    spec.backends = backends;
    spec.affinity_ticks = affinity_ticks;
    CHECK(node.tables.services.Set(spec).ok());
  }

  // As far as timeouts of connections go, time passes.
  void Wait(uint32_t ticks) {
    node.pipeline.BeginRound(node.context.now + (uint64_t{ticks} << kTickShift));
  }

  size_t connections() const { return node.tables.connections.statistics().in_use; }
};

// What pod_a sends to its gateway, and gets from it.
inline Packet AtA(const Ipv4& ip, const Packet& inside) {
  return Ethernet(kMacA, kGatewayMac) / ip / inside;
}
// The same at pod_b.
inline Packet AtB(const Ipv4& ip, const Packet& inside) {
  return Ethernet(kMacB, kGatewayMac) / ip / inside;
}

}  // namespace podwarp::test
