// Faults of single values: form, kind, range, and what is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config.h"
#include "fault_case.h"

namespace podwarp {
namespace {

class ConfigFault : public testing::TestWithParam<FaultCase> {};

TEST_P(ConfigFault, IsReported) { EXPECT_EQ(FaultsOf(kBase + GetParam().text), GetParam().faults); }

INSTANTIATE_TEST_SUITE_P(
    None, ConfigFault,
    testing::Values(
        FaultCase{"Base", "", {}},
        FaultCase{"EmptyLists", "pods: []\nnodes: []\nworkers: {cores: []}\nidle: {}\n", {}},
        FaultCase{"LinkLocalRouterAndWordsOfOthers",
                  "hairpin_mode: promiscuous-bridge\nreserved_addresses: [169.254.1.1]\n",
                  {}},
        FaultCase{"Anchors", "pods: &p []\nnodes: *p\n", {}},
        FaultCase{
            "SameNameInTwoNamespaces",
            "pods:\n" + Pod("a", "10.244.1.10") +
                "  - {name: a, namespace: other, addresses: [10.244.1.11], port: {tap: {}}}\n",
            {}},
        FaultCase{"PointToPointSegment",
                  "uplinks: [{name: up, vdev: net_null0, address: 192.0.2.0/31, router: "
                  "192.0.2.1}]\n",
                  {}},
        FaultCase{"PciInUpperCase", "uplinks: [{name: up, pci: '10000:AF:1F.7'}]\n", {}}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Yaml, ConfigFault,
    testing::Values(
        FaultCase{"Syntax", "pods: [\n", {"5: end of sequence flow not found"}},
        FaultCase{"Tab", "pods:\n\t- x\n", {"5: illegal block entry"}},
        FaultCase{"SecondDocument",
                  "---\nnode_name: node-b\n",
                  {"5: a second document begins; keep one"}},
        FaultCase{"UnknownKeyNear",
                  "service_range: [10.96.0.0/16]\n",
                  {"4: service_range: unknown key (did you mean 'service_ranges'?)"}},
        FaultCase{"UnknownKeyFar",
                  "idle:\n  colour: red\n",
                  {"5: idle.colour: unknown key (known: mode, max_sleep)"}},
        FaultCase{"KeyTwice",
                  "idle:\n  mode: busy\n  mode: busy\n",
                  {"5: idle.mode: is given again on line 6; keep one"}},
        FaultCase{"KeyTwiceAtTheTop",
                  "node_name: node-b\n",
                  {"1: node_name: is given again on line 4; keep one"}},
        FaultCase{
            "ListAsKey", "? [a, b]\n: c\n", {"1: has a list as a key on line 4; expected a word"}},
        FaultCase{"ScalarForList",
                  "service_ranges: 10.96.0.0/16\n",
                  {"4: service_ranges: expected a list, found the single value '10.96.0.0/16'; "
                   "write [10.96.0.0/16]"}},
        FaultCase{"MappingForList",
                  "pods:\n  name: web-1\n",
                  {"4: pods: expected a list, found a mapping of keys to values; begin each "
                   "element with '-'"}},
        FaultCase{"ListForScalar",
                  "hairpin_mode: [none]\n",
                  {"4: hairpin_mode: expected a single value, found a list"}},
        FaultCase{"ScalarForMapping",
                  "idle: busy\n",
                  {"4: idle: expected a mapping (key: value), found the single value 'busy'"}},
        FaultCase{"ScalarForPod",
                  "pods:\n  - web-1\n",
                  {"5: pods[0]: expected a mapping (key: value), found the single value "
                   "'web-1'"}},
        FaultCase{"NoValue",
                  "hairpin_mode:\npods:\nidle:\n",
                  {"4: hairpin_mode: has no value; give one or leave the key out",
                   "5: pods: has no value; write [] for an empty list",
                   "6: idle: has no value; give its keys or leave it out"}},
        FaultCase{"LineBreakInValue",
                  "hairpin_mode: \"a\\nb\"\n",
                  {"4: hairpin_mode: 'a\\x0ab' is not a hairpin mode (expected promiscuous-arp, "
                   "or promiscuous-bridge for the same, hairpin-veth or none)"}}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigFault,
    testing::Values(
        FaultCase{"Hairpin",
                  "hairpin_mode: promiscuous\n",
                  {"4: hairpin_mode: 'promiscuous' is not a hairpin mode (expected "
                   "promiscuous-arp, or promiscuous-bridge for the same, hairpin-veth or none)"}},
        FaultCase{"Addresses",
                  "reserved_addresses:\n  - 10.244.1.300\n  - 127.0.0.1\n  - 224.0.0.1\n  - ::1\n",
                  {"5: reserved_addresses[0]: '10.244.1.300' is not an IPv4 address (expected, "
                   "say, 10.244.1.10)",
                   "6: reserved_addresses[1]: '127.0.0.1' can't be the address of a host (expected "
                   "none of 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3)",
                   "7: reserved_addresses[2]: '224.0.0.1' can't be the address of a host (expected "
                   "none of 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3)",
                   "8: reserved_addresses[3]: '::1' is not an IPv4 address (expected, say, "
                   "10.244.1.10)"}},
        FaultCase{"Listen",
                  "metrics:\n  listen: 9464\n",
                  {"5: metrics.listen: '9464' is not an IPv4 address with a port (expected, say, "
                   "127.0.0.1:9464)"}},
        FaultCase{"ListenIpv6",
                  "metrics: {listen: '[::]:9464'}\n",
                  {"4: metrics.listen: '[::]:9464' is not an IPv4 address with a port (expected, "
                   "say, 127.0.0.1:9464)"}},
        FaultCase{"ListenPort",
                  "metrics: {listen: '0.0.0.0:0'}\n",
                  {"4: metrics.listen: '0' is not a whole number from 1 to 65535"}},
        FaultCase{"ListenNowhere", "metrics: {}\n", {"4: metrics.listen: is missing"}},
        FaultCase{"Ranges",
                  "service_ranges:\n  - 10.96.0.1/16\n  - 10.97.0.0\n",
                  {"5: service_ranges[0]: '10.96.0.1/16' has bits set past its length (did you "
                   "mean 10.96.0.0/16?)",
                   "6: service_ranges[1]: '10.97.0.0' is not an IPv4 range (expected, say, "
                   "10.244.0.0/16)"}},
        FaultCase{"Macs",
                  "pods:\n" + Pod("a", "10.244.1.10", "mac: '00:00:00:00:00:00'") +
                      Pod("b", "10.244.1.11", "mac: ff:ff:ff:ff:ff:ff") +
                      Pod("c", "10.244.1.12", "mac: 01:00:5e:00:00:01") +
                      Pod("d", "10.244.1.13", "mac: 02:00"),
                  {"5: pods[0].mac: '00:00:00:00:00:00' is all zeros (expected one station's "
                   "address, say 02:00:00:00:00:01)",
                   "6: pods[1].mac: 'ff:ff:ff:ff:ff:ff' is the broadcast address (expected one "
                   "station's address, say 02:00:00:00:00:01)",
                   "7: pods[2].mac: '01:00:5e:00:00:01' is a group address (its first byte is odd) "
                   "(expected one station's address, say 02:00:00:00:00:01)",
                   "8: pods[3].mac: '02:00' is not a MAC address (expected 00:11:22:33:44:55 or "
                   "00-11-22-33-44-55)"}},
        FaultCase{"Uplink",
                  "uplinks:\n"
                  "  - name: up/1\n"
                  "    pci: 3b:00.0\n"
                  "    queues: 65\n"
                  "    vlan: 0\n"
                  "    mtu: 68\n"
                  "    address: 192.168.50.1\n"
                  "    announce_pods: maybe\n"
                  "  - name: other\n"
                  "    vdev: af_packet0,iface=eth1\n"
                  "    queues: -1\n"
                  "    vlan: 4095\n"
                  "    mtu: 0x600\n"
                  "    address: 192.168.50.1/33\n",
                  {"5: uplinks[0].name: 'up/1' can't be a port's name (expected 1 to 63 of a-z, "
                   "A-Z, 0-9, '.', '_', '-')",
                   "6: uplinks[0].pci: '3b:00.0' is not a PCI address (expected "
                   "domain:bus:device.function, say 0000:3b:00.0; lspci -D shows them)",
                   "7: uplinks[0].queues: '65' is not a whole number from 1 to 64",
                   "8: uplinks[0].vlan: '0' is not a whole number from 1 to 4094",
                   "9: uplinks[0].mtu: '68' is not a whole number from 576 to 9216",
                   "10: uplinks[0].address: '192.168.50.1' is not an address with its segment's "
                   "length (expected, say, 192.168.50.1/24)",
                   "11: uplinks[0].announce_pods: 'maybe' is neither true nor false",
                   "13: uplinks[1].vdev: 'af_packet0,iface=eth1' is not a DPDK network device "
                   "(expected a name that begins with net_, then its arguments: "
                   "net_af_packet0,iface=eth1)",
                   "14: uplinks[1].queues: '-1' is not a whole number from 1 to 64",
                   "15: uplinks[1].vlan: '4095' is not a whole number from 1 to 4094",
                   "16: uplinks[1].mtu: '0x600' is not a whole number from 576 to 9216",
                   "17: uplinks[1].address: '33' is not a whole number from 1 to 32"}},
        FaultCase{
            "PodNames",
            "pods:\n" + Pod("Web_1", "10.244.1.10") + Pod("b", "10.244.1.11", "namespace: a.b"),
            {"5: pods[0].name: 'Web_1' is not a DNS name (expected a-z, 0-9, '-' and '.', at "
             "most 253, a letter or digit at both ends of each part)",
             "6: pods[1].namespace: 'a.b' is not a DNS label (expected a-z, 0-9 and '-', at "
             "most 63, the first and last no '-')"}},
        FaultCase{"PodPorts",
                  "pods:\n" +
                      PodWithPort("a", "10.244.1.10", "{tap: {interface: interface-of-16b}}") +
                      PodWithPort("b", "10.244.1.11", "{tap: {interface: a/b, netns: web}}") +
                      PodWithPort("c", "10.244.1.12",
                                  "{vhost_user: {socket: /" + std::string(107, 's') + "}}") +
                      PodWithPort("d", "10.244.1.13", "{vhost_user: {socket: x, mode: both}}") +
                      PodWithPort("e", "10.244.1.14", "{vdev: memif}") +
                      PodWithPort("f", "10.244.1.15", "{vhost_user: {}}") +
                      PodWithPort("g", "10.244.1.16", "{tap: {}, vdev: net_null0}") +
                      PodWithPort("h", "10.244.1.17", "{}"),
                  {"5: pods[0].port.tap.interface: 'interface-of-16b' has 16 bytes; an interface's "
                   "name has at most 15",
                   "6: pods[1].port.tap.interface: 'a/b' can't be an interface's name (expected no "
                   "spaces, '/', ':' or '%')",
                   "6: pods[1].port.tap.netns: 'web' is not an absolute path (expected one that "
                   "begins with '/')",
                   "7: pods[2].port.vhost_user.socket: '/" + std::string(107, 's') +
                       "' has 108 bytes; a socket's path has at most 107, see unix(7)",
                   "8: pods[3].port.vhost_user.socket: 'x' is not an absolute path (expected one "
                   "that begins with '/')",
                   "8: pods[3].port.vhost_user.mode: 'both' is not a mode (expected server, if "
                   "podwarp listens on the socket, or client)",
                   "9: pods[4].port.vdev: 'memif' is not a DPDK network device (expected a name "
                   "that begins with net_, then its arguments: net_af_packet0,iface=eth1)",
                   "10: pods[5].port.vhost_user.socket: is missing",
                   "11: pods[6].port: has tap and vdev; keep one",
                   "12: pods[7].port: needs one of tap, vhost_user, vdev"}},
        FaultCase{"VhostUserKeys",
                  "pods:\n" +
                      PodWithPort("a", "10.244.1.10",
                                  "{vhost_user: {socket: /s, queues: 17, mode: server, "
                                  "socket_mode: 8, group: -x}}") +
                      PodWithPort("b", "10.244.1.11", "{vhost_user: {socket: /t, group: g}}") +
                      PodWithPort("c", "10.244.1.12",
                                  "{vhost_user: {socket: /u, socket_mode: 0660, mode: client}}"),
                  {"5: pods[0].port.vhost_user.queues: '17' is not a whole number from 1 to 16",
                   "5: pods[0].port.vhost_user.socket_mode: '8' is no file's rights (expected "
                   "three octal digits: 660)",
                   "5: pods[0].port.vhost_user.group: '-x' can't be a group's name (expected 1 to "
                   "32 of a-z, A-Z, 0-9, '.', '_', '-')",
                   "6: pods[1].port.vhost_user.group: is for mode: server only; in client mode the "
                   "peer makes the socket",
                   "7: pods[2].port.vhost_user.socket_mode: is for mode: server only; in client "
                   "mode the peer makes the socket"}},
        FaultCase{"Rest",
                  "workers: {cores: [1024]}\n"
                  "idle:\n  mode: lazy\n  max_sleep: 500\n"
                  "limits:\n  arp_per_second: many\n  announcements_per_second: 0\n"
                  "  adjacencies: 4294967296\n"
                  "memory:\n  file_prefix: a/b\n  hugepages_mb: 2G\n  buffers: all\n",
                  {"4: workers.cores[0]: '1024' is not a whole number from 0 to 1023",
                   "6: idle.mode: 'lazy' is not an idle mode (expected adaptive or busy)",
                   "7: idle.max_sleep: '500' is not a duration (expected a number with its unit, "
                   "say 500us)",
                   "9: limits.arp_per_second: 'many' is not a whole number from 0 to 1000000000",
                   "10: limits.announcements_per_second: '0' is not a whole number from 1 to "
                   "1000000000",
                   "11: limits.adjacencies: '4294967296' is not a whole number from 1024 to "
                   "16777216",
                   "13: memory.file_prefix: 'a/b' can't be a file prefix (expected a-z, A-Z, 0-9, "
                   "'.', '_', '-', not '.' first)",
                   "14: memory.hugepages_mb: '2G' is not a whole number from 0 to 1048576",
                   "15: memory.buffers: 'all' is not a whole number from 0 to 8388608"}},
        FaultCase{"SleepOutOfRange",
                  "idle: {max_sleep: 1s}\n",
                  {"4: idle.max_sleep: '1s' is out of range (expected 10us to 10ms)"}}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Missing, ConfigFault,
    testing::Values(
        FaultCase{"OfPods",
                  "pods:\n  - namespace: default\n  - {}\n",
                  {"5: pods[0].name: is missing", "5: pods[0].addresses: is missing",
                   "5: pods[0].port: is missing", "6: pods[1].name: is missing",
                   "6: pods[1].addresses: is missing", "6: pods[1].port: is missing"}},
        FaultCase{"OfNodes",
                  std::string(kUplink) + "nodes:\n  - uplink: up\n  - {}\n",
                  {"6: nodes[0].name: is missing", "6: nodes[0].pod_ranges: is missing",
                   "6: nodes[0]: needs virtual_mac, or underlay_address to ask for it on the wire",
                   "7: nodes[1].name: is missing", "7: nodes[1].pod_ranges: is missing",
                   "7: nodes[1]: needs virtual_mac, or underlay_address to ask for it on the "
                   "wire"}},
        FaultCase{"OfUplinksHostPortAndRoutes",
                  "uplinks: [{}]\nhost_port: {}\nroutes: [{}]\n",
                  {"4: uplinks[0].name: is missing", "4: uplinks[0]: needs one of pci, vdev",
                   "5: host_port.address: is missing", "6: routes[0].prefix: is missing",
                   "6: routes[0].node: is missing"}},
        FaultCase{"EmptyLists",
                  std::string(kUplink) +
                      "nodes: [{name: b, underlay_address: 192.168.50.2, pod_ranges: []}]\n"
                      "pods: [{name: a, addresses: [], port: {tap: {}}}]\n",
                  {"5: nodes[0].pod_ranges: needs at least one range",
                   "6: pods[0].addresses: needs at least one address"}}),
    NameOf);

// What can't be read brings no faults after it, and hides none beside it.
TEST(ConfigFaults, AllAtOnceInTheOrderOfLines) {
  const std::string text =
      "pods:\n"                                                                       // 1
      "  - name: web-1\n"                                                             // 2
      "    addresses: [10.244.1.300, 10.244.1.1]\n"                                   // 3
      "    port: {tab: {}}\n"                                                         // 4
      "  - name: web-1\n"                                                             // 5
      "    mac: 02-00-00-00-00-01\n"                                                  // 6
      "    adresses: [10.244.1.11]\n"                                                 // 7
      "    port: {tap: {interface: eth0}}\n"                                          // 8
      "virtual_mac: 02-00-00-00-00-01\n"                                              // 9
      "gateway: {address: 10.244.1.1}\n"                                              // 10
      "pod_ranges: [10.244.0.0/16, 10.300.0.0/16]\n"                                  // 11
      "node_pod_ranges: [10.99.0.0/24]\n"                                             // 12
      "nodes:\n"                                                                      // 13
      "  - {name: Node-B, virtual_mac: x, uplink: y, pod_ranges: [10.244.2.0/24]}\n"  // 14
      "routes:\n"                                                                     // 15
      "  - {prefix: 10.244.1.77/32, node: node-b}\n"                                  // 16
      "node_name: node_a\n"                                                           // 17
      "node_name: node-a\n";                                                          // 18
  EXPECT_THAT(
      FaultsOf(text),
      testing::ElementsAre(
          "3: pods[0].addresses[0]: '10.244.1.300' is not an IPv4 address (expected, say, "
          "10.244.1.10)",
          "3: pods[0].addresses[1]: 10.244.1.1 is taken by gateway.address (line 10); each needs "
          "one of its own",
          "3: pods[0].addresses[1]: 10.244.1.1 is outside node_pod_ranges (10.99.0.0/24)",
          "4: pods[0].port: needs one of tap, vhost_user, vdev",
          "4: pods[0].port.tab: unknown key (did you mean 'tap'?)",
          "5: pods[1].addresses: is missing",
          "5: pods[1].name: default/web-1 is taken by pods[0].name (line 2); each needs one of its "
          "own",
          "6: pods[1].mac: 02:00:00:00:00:01 is taken by virtual_mac (line 9); each needs one of "
          "its own",
          "7: pods[1].adresses: unknown key (did you mean 'addresses'?)",
          "11: pod_ranges[1]: '10.300.0.0/16' is not an IPv4 range (expected, say, "
          "10.244.0.0/16)",
          "13: nodes: needs an uplink by which the nodes are reached; add it to uplinks",
          "14: nodes[0].name: 'Node-B' is not a DNS name (expected a-z, 0-9, '-' and '.', at most "
          "253, a letter or digit at both ends of each part)",
          "14: nodes[0].virtual_mac: 'x' is not a MAC address (expected 00:11:22:33:44:55 or "
          "00-11-22-33-44-55)",
          "17: node_name: is given again on line 18; keep one",
          "17: node_name: 'node_a' is not a DNS name (expected a-z, 0-9, '-' and '.', at most 253, "
          "a letter or digit at both ends of each part)"));
}

TEST(ConfigFaults, NotAMappingAtAll) {
  EXPECT_THAT(FaultsOf("- a\n"),
              testing::ElementsAre("1: expected a mapping (key: value) at the top"));
  EXPECT_THAT(FaultsOf("# nothing\n\nnode_name: node-a\n"),
              testing::ElementsAre("3: gateway.address: is missing", "3: pod_ranges: is missing"));
}

TEST(ConfigFaults, DefaultFilePrefixTooLong) {
  const std::string name = std::string(60, 'n');
  const std::string text =
      "node_name: " + name + "\ngateway: {address: 10.244.1.1}\npod_ranges: [10.244.0.0/16]\n";
  EXPECT_THAT(FaultsOf(text),
              testing::ElementsAre("1: memory.file_prefix: must be given, since its default "
                                   "'podwarp-" +
                                   name + "' has 68 bytes; a file prefix has at most 57"));
  EXPECT_THAT(FaultsOf(text + "memory: {file_prefix: short}\n"), testing::IsEmpty());
}

TEST(ConfigFaults, DeepNestingIsAnErrorOfSyntax) {
  EXPECT_THAT(FaultsOf("pods: " + std::string(100'000, '[')), testing::SizeIs(1));
}

}  // namespace
}  // namespace podwarp
