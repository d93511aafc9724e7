// Faults between values: what two claim, what overlaps or lies outside, what isn't there.
#include <gtest/gtest.h>

#include "fault_case.h"

namespace podwarp {
namespace {

class ConfigCheck : public testing::TestWithParam<FaultCase> {};

TEST_P(ConfigCheck, IsReported) { EXPECT_EQ(FaultsOf(kBase + GetParam().text), GetParam().faults); }

INSTANTIATE_TEST_SUITE_P(
    Twice, ConfigCheck,
    testing::Values(
        FaultCase{"PodName",
                  "pods:\n" + Pod("a", "10.244.1.10") +
                      "  - {name: a, addresses: [10.244.1.11], mac: 02:00:00:00:00:02,"
                      " port: {tap: {}}}\n",
                  {"6: pods[1].name: default/a is taken by pods[0].name (line 5); each needs one "
                   "of its own"}},
        FaultCase{"PortName",
                  "uplinks: [{name: podwarp0, vdev: net_null0}, {name: up, vdev: net_null1},\n"
                  "          {name: up, vdev: net_null2}]\n"
                  "host_port: {address: 10.244.1.254}\n",
                  {"4: uplinks[0].name: podwarp0 is taken by host_port.interface (line 6); each "
                   "needs one of its own",
                   "5: uplinks[2].name: up is taken by uplinks[1].name (line 4); each needs one of "
                   "its own"}},
        FaultCase{"NodeName",
                  std::string(kUplink) +
                      "nodes:\n"
                      "  - {name: b, underlay_address: 192.168.50.2, pod_ranges: [10.244.2.0/24]}\n"
                      "  - {name: b, underlay_address: 192.168.50.3, pod_ranges: [10.244.3.0/24]}\n"
                      "  - {name: node-a, underlay_address: 192.168.50.4, pod_ranges: "
                      "[10.244.4.0/24]}\n",
                  {"7: nodes[1].name: b is taken by nodes[0].name (line 6); each needs one of its "
                   "own",
                   "8: nodes[2].name: node-a is taken by node_name (line 1); each needs one of its "
                   "own"}},
        FaultCase{
            "Addresses",
            "host_port: {address: 10.244.1.1}\n"
            "reserved_addresses: [10.244.1.10]\n"
            "pods:\n" +
                Pod("a", "10.244.1.10, 10.244.1.11") + Pod("b", "10.244.1.11") +
                "uplinks: [{name: up, vdev: net_null0, address: 192.168.50.1/24}]\n"
                "nodes:\n"
                "  - {name: b, underlay_address: 192.168.50.1, pod_ranges: [10.244.2.0/24]}\n",
            {"4: host_port.address: 10.244.1.1 is taken by gateway.address (line 2); each "
             "needs one of its own",
             "7: pods[0].addresses[0]: 10.244.1.10 is taken by reserved_addresses[0] (line "
             "5); each needs one of its own",
             "8: pods[1].addresses[0]: 10.244.1.11 is taken by pods[0].addresses[1] (line "
             "7); each needs one of its own",
             "11: nodes[0].underlay_address: 192.168.50.1 is taken by uplinks[0].address "
             "(line 9); each needs one of its own"}},
        FaultCase{
            "Macs",
            "virtual_mac: 02-00-00-00-00-02\npods:\n" +
                Pod("a", "10.244.1.10", "mac: 02:00:00:00:00:01") +
                Pod("b", "10.244.1.11", "mac: 02:00:00:00:00:02") + std::string(kUplink) +
                "nodes:\n"
                "  - {name: b, virtual_mac: 02-00-00-00-00-02, pod_ranges: [10.244.2.0/24]}\n",
            {"6: pods[0].mac: 02:00:00:00:00:01 is taken by gateway.mac (line 2); each needs "
             "one of its own",
             "7: pods[1].mac: 02:00:00:00:00:02 is taken by virtual_mac (line 4); each needs "
             "one of its own",
             "10: nodes[0].virtual_mac: 02:00:00:00:00:02 is taken by virtual_mac (line 4); "
             "each needs one of its own"}},
        FaultCase{"Devices",
                  "uplinks:\n"
                  "  - {name: a, pci: '0000:3b:00.0'}\n"
                  "  - {name: b, pci: '0000:3B:00.0'}\n"
                  "  - {name: c, vdev: 'net_null0,size=64'}\n"
                  "host_port: {interface: eth0, address: 10.244.1.254}\n"
                  "pods:\n" +
                      PodWithPort("a", "10.244.1.10", "{vdev: net_null0}") +
                      PodWithPort("b", "10.244.1.11", "{tap: {netns: /run/netns/b}}") +
                      PodWithPort("c", "10.244.1.12", "{tap: {netns: /run/netns/b}}") +
                      PodWithPort("d", "10.244.1.13", "{tap: {}}") +
                      PodWithPort("e", "10.244.1.14", "{vhost_user: {socket: /run/s}}") +
                      PodWithPort("f", "10.244.1.15", "{vhost_user: {socket: /run/s}}"),
                  {"6: uplinks[1].pci: 0000:3b:00.0 is taken by uplinks[0].pci (line 5); each "
                   "needs one of its own",
                   "10: pods[0].port.vdev: net_null0 is taken by uplinks[2].vdev (line 7); each "
                   "needs one of its own",
                   "12: pods[2].port.tap: eth0 in /run/netns/b is taken by pods[1].port.tap (line "
                   "11); each needs one of its own",
                   "13: pods[3].port.tap: eth0 in podwarp's own namespace is taken by "
                   "host_port.interface (line 8); each needs one of its own",
                   "15: pods[5].port.vhost_user.socket: /run/s is taken by "
                   "pods[4].port.vhost_user.socket (line 14); each needs one of its own"}},
        FaultCase{"VhostUserLimit",
                  [] {
                    std::string pods = "pods:\n";
                    for (int i = 0; i < 503; ++i) {
                      const std::string number = std::to_string(i);
                      pods +=
                          PodWithPort("p" + number,
                                      "10.244." + std::to_string(2 + i / 200) + "." +
                                          std::to_string(1 + i % 200),
                                      "{vhost_user: {mode: server, socket: /run/" + number + "}}");
                    }
                    return pods;
                  }(),
                  {"505: pods[500].port.vhost_user: pod default/p500 has one vhost-user port too "
                   "many: there can be 1000 in client mode, or half as many in server mode"}},
        FaultCase{"Cores",
                  "workers:\n  cores: [1, 2,\n   1]\n",
                  {"6: workers.cores[2]: core 1 is taken by workers.cores[0] (line 5); each needs "
                   "one of its own"}}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Ranges, ConfigCheck,
    testing::Values(
        FaultCase{"ServicesAmongPods",
                  "service_ranges: [10.96.0.0/16, 10.244.96.0/20]\n",
                  {"4: service_ranges[1]: 10.244.96.0/20 overlaps 10.244.0.0/16 of pod_ranges[0] "
                   "(line 3); they must be apart"}},
        FaultCase{"SegmentAmongPodsAndServices",
                  "service_ranges: [192.168.0.0/16]\n"
                  "uplinks:\n"
                  "  - {name: a, vdev: net_null0, address: 10.244.9.1/24}\n"
                  "  - {name: b, vdev: net_null1, address: 192.168.50.1/24}\n",
                  {"6: uplinks[0].address: 10.244.9.0/24 overlaps 10.244.0.0/16 of pod_ranges[0] "
                   "(line 3); they must be apart",
                   "7: uplinks[1].address: 192.168.50.0/24 overlaps 192.168.0.0/16 of "
                   "service_ranges[0] (line 4); they must be apart"}},
        FaultCase{"NodesAmongEachOther",
                  "node_pod_ranges: [10.244.1.0/24]\n" + std::string(kUplink) +
                      "nodes:\n"
                      "  - {name: b, underlay_address: 192.168.50.2, pod_ranges: [10.244.2.0/23]}\n"
                      "  - {name: c, underlay_address: 192.168.50.3, pod_ranges: [10.244.3.0/24]}\n"
                      "  - {name: d, underlay_address: 192.168.50.4, pod_ranges: [10.244.1.0/24, "
                      "10.9.0.0/24]}\n",
                  {"8: nodes[1].pod_ranges[0]: 10.244.3.0/24 overlaps 10.244.2.0/23 of "
                   "nodes[0].pod_ranges[0] (line 7); they must be apart",
                   "9: nodes[2].pod_ranges[0]: 10.244.1.0/24 overlaps 10.244.1.0/24 of "
                   "node_pod_ranges[0] (line 4); they must be apart",
                   "9: nodes[2].pod_ranges[1]: 10.9.0.0/24 is outside pod_ranges (10.244.0.0/16)"}},
        FaultCase{"NodeOutsideCluster",
                  "node_pod_ranges: [10.245.1.0/24]\n",
                  {"4: node_pod_ranges[0]: 10.245.1.0/24 is outside pod_ranges (10.244.0.0/16)"}},
        FaultCase{"PodsOutsideNode",
                  "node_pod_ranges: [10.244.1.0/24, 10.244.5.0/24]\npods:\n" +
                      Pod("a", "10.244.5.10") + Pod("b", "10.244.2.10"),
                  {"7: pods[1].addresses[0]: 10.244.2.10 is outside node_pod_ranges "
                   "(10.244.1.0/24, 10.244.5.0/24)"}},
        FaultCase{"PodsOutsideCluster",
                  "pods:\n" + Pod("a", "10.245.0.10"),
                  {"5: pods[0].addresses[0]: 10.245.0.10 is outside pod_ranges (10.244.0.0/16)"}},
        FaultCase{
            "PodsAtTheEdge",
            "node_pod_ranges: [10.244.1.0/24]\npods:\n" + Pod("a", "10.244.1.0") +
                Pod("b", "10.244.1.255"),
            {"6: pods[0].addresses[0]: 10.244.1.0 is the network's or the broadcast address "
             "of 10.244.1.0/24 of node_pod_ranges[0] (line 4); expected one between",
             "7: pods[1].addresses[0]: 10.244.1.255 is the network's or the broadcast address "
             "of 10.244.1.0/24 of node_pod_ranges[0] (line 4); expected one between"}},
        FaultCase{"Routers",
                  "uplinks:\n"
                  "  - {name: a, vdev: net_null0, address: 192.0.2.1/24, router: 192.0.2.1}\n"
                  "  - {name: b, vdev: net_null1, address: 198.51.100.1/24, router: 198.51.101.1}\n"
                  "  - {name: c, vdev: net_null2, router: 203.0.113.1}\n"
                  "  - {name: d, vdev: net_null3, address: 203.0.113.255/24}\n",
                  {"5: uplinks[0].router: 192.0.2.1 is the node itself; expected a neighbour",
                   "6: uplinks[1].router: 198.51.101.1 is not a host of the segment, "
                   "198.51.100.0/24; expected a neighbour in it",
                   "7: uplinks[2].router: needs the node's own address beside it, as address",
                   "8: uplinks[3].address: 203.0.113.255 is the network's or the broadcast address "
                   "of 203.0.113.0/24; expected one between"}},
        FaultCase{
            "UnderlayOutsideSegment",
            std::string(kUplink) +
                "nodes:\n"
                "  - {name: b, underlay_address: 192.168.51.2, pod_ranges: [10.244.2.0/24]}\n",
            {"6: nodes[0].underlay_address: 192.168.51.2 is not a host of the segment of up, "
             "192.168.50.0/24 of uplinks[0].address (line 4)"}}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    References, ConfigCheck,
    testing::Values(
        FaultCase{"NodesWithoutUplink",
                  "nodes:\n"
                  "  - {name: b, underlay_address: 192.168.50.2, pod_ranges: [10.244.2.0/24]}\n",
                  {"4: nodes: needs an uplink by which the nodes are reached; add it to uplinks"}},
        FaultCase{"Uplink",
                  std::string(kUplink) +
                      "nodes:\n"
                      "  - {name: b, underlay_address: 192.168.50.2, pod_ranges: [10.244.2.0/24], "
                      "uplink: upp}\n",
                  {"6: nodes[0].uplink: no uplink is called 'upp' (did you mean 'up'?)"}},
        FaultCase{"RouteToNobody",
                  "routes: [{prefix: 10.244.1.77/32, node: node-b}]\n",
                  {"4: routes[0].node: no node is called 'node-b'"}},
        FaultCase{
            "Routes",
            std::string(kUplink) + "nodes:\n"
                                   "  - {name: node-b, underlay_address: 192.168.50.2, pod_ranges: "
                                   "[10.244.2.0/24]}\n"
                                   "routes:\n"
                                   "  - {prefix: 10.244.1.77/32, node: node-d}\n"
                                   "  - {prefix: 10.244.1.77/32, node: node-b}\n"
                                   "  - {prefix: 10.244.1.1/32, node: node-b}\n"
                                   "  - {prefix: 10.244.2.0/24, node: node-b}\n"
                                   "  - {prefix: 10.9.0.0/24, node: node-b}\n",
            {"8: routes[0].node: no node is called 'node-d' (did you mean 'node-b'?)",
             "9: routes[1].prefix: 10.244.1.77/32 is taken by routes[0].prefix (line 8); each "
             "needs one of its own",
             "10: routes[2].prefix: 10.244.1.1/32 is taken by gateway.address (line 2); each "
             "needs one of its own",
             "11: routes[3].prefix: 10.244.2.0/24 is taken by nodes[0].pod_ranges[0] (line "
             "6); each needs one of its own",
             "12: routes[4].prefix: 10.9.0.0/24 is outside pod_ranges (10.244.0.0/16)"}}),
    NameOf);

}  // namespace
}  // namespace podwarp
