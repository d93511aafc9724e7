// Services, their connections and the hairpin address, as files and bodies of the API say them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "control/config.h"
#include "control/object_json.h"
#include "fault_case.h"
#include "podwarp/net/headers.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kRanges[] = "service_ranges: [10.96.0.0/16]\n";  // the fourth line

std::string Service(const std::string& name, const std::string& address,
                    const std::string& ports = "[{port: 80}]") {
  return "  - {name: " + name + ", address: " + address + ", ports: " + ports + "}\n";
}

absl::StatusOr<Config> Parse(const std::string& text) {
  return ParseConfig(kBase + text, "f", ConfigOverrides());
}

// What one service, web at 10.96.0.1 with one port, also says, on line 6; `rest` follows.
std::string ServiceSaying(const std::string& keys, const std::string& rest = "") {
  return std::string(kRanges) + "services:\n  - {name: web, address: 10.96.0.1, " + keys +
         ", ports: [{port: 80}]}\n" + rest;
}

// What the ports of one service say, on line 6, and what is wrong with it.
FaultCase PortsCase(const std::string& name, const std::string& ports,
                    std::vector<std::string> faults) {
  for (std::string& fault : faults) fault = "6: services[0]." + fault;
  return {name, std::string(kRanges) + "services:\n" + Service("web", "10.96.0.1", ports), faults};
}

TEST(ServiceConfig, HasTheDefaultsThatTheExampleNames) {
  const absl::StatusOr<Config> config =
      Parse(std::string(kRanges) + "services:\n" +
            Service("web", "10.96.0.10", "[{port: 80, backends: [{address: 10.244.1.10}]}]") +
            "  - {name: web, namespace: other, address: 10.96.0.11, session_affinity: none,\n"
            "     ports: [{name: a, protocol: udp, port: 53}, {name: b, port: 53},\n"
            "             {name: c, protocol: sctp, port: 53, backends: [{address: 10.244.1.10, "
            "port: 5353, state: terminating}]}]}\n");
  ASSERT_TRUE(config.ok()) << config.status().message();
  ASSERT_EQ(config->services.size(), 2u);
  const ServiceConfig& web = config->services[0];
  EXPECT_EQ(web.full_name(), "default/web");
  EXPECT_EQ(web.session_affinity, absl::ZeroDuration());
  EXPECT_THAT(web.external_addresses, IsEmpty());
  EXPECT_THAT(web.source_ranges, IsEmpty());
  EXPECT_EQ(web.internal_traffic, TrafficPolicy::kCluster);
  EXPECT_EQ(web.external_traffic, TrafficPolicy::kCluster);
  EXPECT_EQ(web.ports[0].node_port, 0);
  EXPECT_EQ(web.ports[0].backends[0].node, "");
  EXPECT_THAT(
      web.ports,
      ElementsAre(ServicePortConfig{
          .name = "",
          .protocol = kIpProtocolTcp,
          .port = 80,
          .backends = {{.address = "10.244.1.10"_ip, .port = 80, .phase = BackendPhase::kReady}}}));
  const ServiceConfig& other = config->services[1];
  EXPECT_EQ(other.ports[0].protocol, kIpProtocolUdp);
  EXPECT_EQ(other.ports[2].protocol, kIpProtocolSctp);
  EXPECT_EQ(other.ports[2].backends[0].port, 5353);
  EXPECT_EQ(other.ports[2].backends[0].phase, BackendPhase::kTerminating);
}

TEST(ServiceConfig, ReadsBackToTheSame) {
  absl::StatusOr<Config> config = Parse(
      std::string(kRanges) +
      "services:\n"
      "  - {name: web, address: 10.96.0.10, session_affinity: 90m,\n"
      "     external_addresses: [203.0.113.10, 203.0.113.11], source_ranges: [192.0.2.0/24],\n"
      "     internal_traffic: local, external_traffic: local, ports: [\n"
      "     {name: http, port: 80, node_port: 30080,\n"
      "      backends: [{address: 10.244.1.10, state: terminating, node: node-b.example}]},\n"
      "     {name: dns, protocol: udp, port: 53, node_port: 30080}]}\n"
      "uplinks: [{name: up, vdev: net_null0, announce_services: true}]\n"
      "connections: {capacity: 2048, tcp_idle: 1h, udp_idle: 30s}\n"
      "hairpin_address: 10.244.1.200\n");
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->connections,
            (ConnectionsConfig{
                .capacity = 2048, .tcp_idle = absl::Hours(1), .udp_idle = absl::Seconds(30)}));
  EXPECT_TRUE(config->uplinks[0].announce_services);
  const absl::StatusOr<Config> again = ParseConfig(ToYaml(*config), "f", ConfigOverrides());
  ASSERT_TRUE(again.ok()) << again.status().message() << "\n" << ToYaml(*config);
  EXPECT_EQ(*again, *config) << ToYaml(*config);

  const Document json = ToJson(config->services[0]);
  EXPECT_EQ(
      json.dump(),
      R"({"name":"web","namespace":"default","address":"10.96.0.10",)"
      R"("session_affinity":"1h30m","external_addresses":["203.0.113.10","203.0.113.11"],)"
      R"("source_ranges":["192.0.2.0/24"],"internal_traffic":"local",)"
      R"("external_traffic":"local","ports":[)"
      R"({"name":"http","protocol":"tcp","port":80,"node_port":30080,"backends":[)"
      R"({"address":"10.244.1.10","port":80,"state":"terminating","node":"node-b.example"}]},)"
      R"({"name":"dns","protocol":"udp","port":53,"node_port":30080,"backends":[]}]})");
  const absl::StatusOr<Object> object =
      ObjectFromJson(ObjectKind::kService, json, ObjectDefaults());
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(*object, Object(config->services[0]));
  EXPECT_EQ(KeyOf(*object), "default/web");
  EXPECT_EQ(NameOf(KindOf(*object), KeyOf(*object)), "service default/web");
}

TEST(ServiceConfig, HairpinAddressIsOneThatPodsCanAnswer) {
  const auto hairpin_of = [](const std::string& gateway, const std::string& rest) {
    const absl::StatusOr<Config> config = ParseConfig(
        "node_name: a\ngateway: {address: " + gateway + "}\npod_ranges: [10.244.0.0/16]\n" + rest,
        "f", ConfigOverrides());
    EXPECT_TRUE(config.ok()) << config.status().message();
    return config.ok() ? config->hairpin_address.ToString() : "";
  };
  EXPECT_EQ(hairpin_of("10.244.1.1", "host_port: {address: 10.244.1.254}\n"), "10.244.1.1");
  EXPECT_EQ(hairpin_of("169.254.1.1", "host_port: {address: 10.244.1.254}\n"), "10.244.1.254");
  EXPECT_EQ(hairpin_of("169.254.1.1", "host_port: {address: 169.254.1.2}\n"), "0.0.0.0");
  EXPECT_EQ(hairpin_of("169.254.1.1", ""), "0.0.0.0");
  EXPECT_EQ(hairpin_of("169.254.1.1", "hairpin_address: 10.244.1.200\n"), "10.244.1.200");
  EXPECT_EQ(hairpin_of("10.244.1.1",
                       "hairpin_address: 10.244.1.254\n"
                       "reserved_addresses: [10.244.1.254]\n"),
            "10.244.1.254");
}

class ServiceFault : public testing::TestWithParam<FaultCase> {};

TEST_P(ServiceFault, IsReported) {
  EXPECT_EQ(FaultsOf(kBase + GetParam().text), GetParam().faults);
}

INSTANTIATE_TEST_SUITE_P(
    Values, ServiceFault,
    testing::Values(
        FaultCase{"Missing",
                  std::string(kRanges) + "services:\n  - {}\n",
                  {"6: services[0].name: is missing", "6: services[0].address: is missing",
                   "6: services[0].ports: is missing"}},
        FaultCase{"Words",
                  std::string(kRanges) + "services:\n" +
                      "  - {name: Web, address: 10.96.0.10, session_affinity: 2d, adress: x,\n"
                      "     ports: [{protocol: icmp, port: 80}]}\n",
                  {"6: services[0].name: 'Web' is not a DNS label (expected a-z, 0-9 and '-', at "
                   "most 63, the first and last no '-')",
                   "6: services[0].session_affinity: '2d' is not a duration (expected a number "
                   "with its unit, say 500us), or none",
                   "6: services[0].adress: unknown key (did you mean 'address'?)",
                   "7: services[0].ports[0].protocol: 'icmp' is not a service's protocol (known: "
                   "tcp, udp, sctp)"}},
        FaultCase{"TrafficWords",
                  ServiceSaying("internal_traffic: locl, external_traffic: Cluster, "
                                "external_adresses: [203.0.113.1]"),
                  {"6: services[0].internal_traffic: 'locl' is not a traffic policy (did you mean "
                   "'local'?)",
                   "6: services[0].external_traffic: 'Cluster' is not a traffic policy (did you "
                   "mean 'cluster'?)",
                   "6: services[0].external_adresses: unknown key (did you mean "
                   "'external_addresses'?)"}},
        FaultCase{
            "ExternalValues",
            ServiceSaying("external_addresses: [203.0.113.0/24, 224.0.0.1], source_ranges: [all]"),
            {"6: services[0].external_addresses[0]: '203.0.113.0/24' is not an IPv4 address "
             "(expected, say, 10.244.1.10)",
             "6: services[0].external_addresses[1]: '224.0.0.1' can't be the address of a host "
             "(expected none of 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3)",
             "6: services[0].source_ranges[0]: 'all' is not an IPv4 range (expected, say, "
             "10.244.0.0/16)"}},
        FaultCase{"UplinkWord",
                  "uplinks: [{name: up, vdev: net_null0, announce_service: true}]\n",
                  {"4: uplinks[0].announce_service: unknown key (did you mean "
                   "'announce_services'?)"}},
        PortsCase("NodeValues",
                  "[{port: 1, node_port: 0, nodeport: 1, backends: [{address: 10.244.1.1, "
                  "node: node_b}]}]",
                  {"ports[0].node_port: '0' is not a whole number from 1 to 65535",
                   "ports[0].backends[0].node: 'node_b' is not a DNS name (expected a-z, 0-9, '-' "
                   "and '.', at most 253, a letter or digit at both ends of each part)",
                   "ports[0].nodeport: unknown key (did you mean 'node_port'?)"}),
        PortsCase("Empty", "[]", {"ports: needs at least one port"}),
        PortsCase("NoNumber", "[{name: a}]", {"ports[0].port: is missing"}),
        PortsCase("Zero", "[{port: 0, backends: [{address: 10.244.1.10, port: 65536}]}]",
                  {"ports[0].port: '0' is not a whole number from 1 to 65535",
                   "ports[0].backends[0].port: '65536' is not a whole number from 1 to 65535"}),
        PortsCase("NearMiss",
                  "[{port: 1, protocol: scpt, backends: [{address: 10.244.1.1, state: redy}]}]",
                  {"ports[0].protocol: 'scpt' is not a service's protocol (known: tcp, udp, sctp)",
                   "ports[0].backends[0].state: 'redy' is not a backend's state (did you mean "
                   "'ready'?)"}),
        PortsCase("NotMappings", "[80, {port: 443, backends: [10.244.1.10]}]",
                  {"ports[0]: expected a mapping (key: value), found the single value '80'",
                   "ports[1].backends[0]: expected a mapping (key: value), found the single value "
                   "'10.244.1.10'",
                   "ports[1].name: is missing; each of several ports needs a name"}),
        PortsCase("NoHost", "[{port: 80, backends: [{address: 127.0.0.1}, {}]}]",
                  {"ports[0].backends[0].address: '127.0.0.1' can't be the address of a host "
                   "(expected none of 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3)",
                   "ports[0].backends[1].address: is missing"}),
        FaultCase{"Affinity",
                  std::string(kRanges) +
                      "services: [{name: a, address: 10.96.0.1, session_affinity: 25h,\n"
                      "            ports: [{port: 80}]}]\n",
                  {"5: services[0].session_affinity: '25h' is out of range (expected 1s to 24h), "
                   "or none"}},
        FaultCase{"Connections",
                  "connections: {capacity: 1000000, tcp_idle: 0s, udp_idle: 10, sctp_idle: 1s}\n",
                  {"4: connections.capacity: '1000000' is not a power of 2 (the nearest are 524288 "
                   "and 1048576)",
                   "4: connections.tcp_idle: '0s' is out of range (expected 1s to 168h)",
                   "4: connections.udp_idle: '10' is not a duration (expected a number with its "
                   "unit, say 500us)",
                   "4: connections.sctp_idle: unknown key (did you mean 'tcp_idle'?)"}},
        FaultCase{"Capacity",
                  "connections: {capacity: 512}\n",
                  {"4: connections.capacity: '512' is not a whole number from 1024 to 16777216"}},
        FaultCase{"HairpinMode",
                  "hairpin_mode: hairpin\n",
                  {"4: hairpin_mode: 'hairpin' is not a hairpin mode (expected promiscuous-arp, or "
                   "promiscuous-bridge for the same, hairpin-veth or none)"}},
        FaultCase{
            "LinkLocalHairpin",
            "hairpin_address: 169.254.1.1\n",
            {"4: hairpin_address: '169.254.1.1' is link-local: a pod would look for it on its "
             "own link (expected none of 169.254.0.0/16)"}}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Between, ServiceFault,
    testing::Values(
        PortsCase("PortTwice",
                  "[{name: a, port: 80}, {name: b, port: 80, protocol: udp}, {name: c, port: 80}]",
                  {"ports[2].port: 80/tcp is taken by services[0].ports[0].port (line 6); each "
                   "needs one of its own"}),
        PortsCase("NameTwice", "[{name: a, port: 80}, {name: a, port: 81}]",
                  {"ports[1].name: a is taken by services[0].ports[0].name (line 6); each needs "
                   "one of its own"}),
        PortsCase("NamesMissing", "[{port: 80}, {port: 81}]",
                  {"ports[0].name: is missing; each of several ports needs a name",
                   "ports[1].name: is missing; each of several ports needs a name"}),
        PortsCase(
            "BackendTwice",
            "[{port: 80, backends: [{address: 10.244.1.10}, {address: 10.244.1.10, port: 81},"
            " {address: 10.244.1.10, port: 80, state: terminating}]}]",
            {"ports[0].backends[2]: is 10.244.1.10:80, as is services[0].ports[0].backends[0] "
             "(line 6); keep one"}),
        PortsCase("BackendOfServices",
                  "[{port: 80, backends: [{address: 10.244.1.10}, {address: 10.96.0.2}]}]",
                  {"ports[0].backends[1].address: 10.96.0.2 is a service's, inside 10.96.0.0/16 of "
                   "service_ranges[0] (line 4); expected a pod's or a node's"}),
        PortsCase("TooManyBackends",
                  [] {
                    std::string backends;
                    for (int i = 0; i < 5001; ++i) {
                      absl::StrAppend(&backends, i == 0 ? "" : ", ", "{address: 10.244.",
                                      1 + i / 200, ".", 1 + i % 200, "}");
                    }
                    return "[{port: 80, backends: [" + backends + "]}]";
                  }(),
                  {"ports[0].backends: has 5001 backends; there can be 5000"}),
        PortsCase("NodePortTwice",
                  "[{name: a, port: 80, node_port: 30080}, {name: b, port: 81, node_port: 30080},"
                  " {name: c, protocol: udp, port: 80, node_port: 30080},"
                  " {name: d, protocol: upd, port: 80, node_port: 30080}]",
                  {"ports[3].protocol: 'upd' is not a service's protocol (known: tcp, udp, sctp)",
                   "ports[1].node_port: 30080/tcp is taken by services[0].ports[0].node_port (line "
                   "6); each needs one of its own"}),
        FaultCase{
            "OfServicesTwice",
            ServiceSaying("external_addresses: [203.0.113.1, 203.0.113.2, 203.0.113.1]",
                          "  - {name: b, address: 10.96.0.2, external_addresses: [203.0.113.2],\n"
                          "     ports: [{port: 80, node_port: 30080}]}\n" +
                              Service("c", "10.96.0.3", "[{port: 80, node_port: 30080}]")),
            {"6: services[0].external_addresses[2]: 203.0.113.1 is taken by "
             "services[0].external_addresses[0] (line 6); each needs one of its own",
             "7: services[1].external_addresses[0]: 203.0.113.2 is taken by "
             "services[0].external_addresses[1] (line 6); each needs one of its own",
             "9: services[2].ports[0].node_port: 30080/tcp is taken by "
             "services[1].ports[0].node_port (line 8); each needs one of its own"}},
        FaultCase{"ExternalOfTheCluster",
                  ServiceSaying("external_addresses: [10.244.1.10, 10.96.0.2]"),
                  {"6: services[0].external_addresses[0]: 10.244.1.10 is inside 10.244.0.0/16 of "
                   "pod_ranges[0] (line 3); expected one outside the cluster",
                   "6: services[0].external_addresses[1]: 10.96.0.2 is inside 10.96.0.0/16 of "
                   "service_ranges[0] (line 4); expected one outside the cluster"}},
        FaultCase{
            "ExternalOfTheSegment",  // 192.168.50.7 is well
            ServiceSaying("external_addresses: [192.168.50.7, 192.168.50.1, 192.168.50.254, "
                          "192.168.50.255, 192.168.50.2]",
                          "uplinks: [{name: up, vdev: net_null0, address: 192.168.50.1/24,\n"
                          "           router: 192.168.50.254}]\n"
                          "nodes: [{name: node-b, underlay_address: 192.168.50.2,\n"
                          "         pod_ranges: [10.244.2.0/24]}]\n"),
            {"6: services[0].external_addresses[1]: 192.168.50.1 is taken by uplinks[0].address "
             "(line 7); each needs one of its own",
             "6: services[0].external_addresses[2]: 192.168.50.254 is taken by uplinks[0].router "
             "(line 8); each needs one of its own",
             "6: services[0].external_addresses[4]: 192.168.50.2 is taken by "
             "nodes[0].underlay_address (line 9); each needs one of its own",
             "6: services[0].external_addresses[3]: 192.168.50.255 is the network's or the "
             "broadcast address of 192.168.50.0/24 of uplinks[0].address (line 7); expected one "
             "between"}},
        FaultCase{"SourceRangesAlone",
                  ServiceSaying("source_ranges: [192.0.2.0/24]"),
                  {"6: services[0].source_ranges: is for external_addresses, and there are none"}},
        FaultCase{"OutsideRanges",
                  std::string(kRanges) + "services:\n" + Service("web", "10.97.0.10"),
                  {"6: services[0].address: 10.97.0.10 is outside service_ranges (10.96.0.0/16)"}},
        FaultCase{"NoRanges",
                  "services:\n" + Service("web", "10.96.0.10"),
                  {"5: services[0].address: 10.96.0.10 is of none of service_ranges: the "
                   "configuration has none"}},
        FaultCase{"Twice",
                  std::string(kRanges) + "services:\n" + Service("a", "10.96.0.1") +
                      Service("a", "10.96.0.2") + Service("b", "10.96.0.1"),
                  {"7: services[1].name: default/a is taken by services[0].name (line 6); each "
                   "needs one of its own",
                   "8: services[2].address: 10.96.0.1 is taken by services[0].address (line 6); "
                   "each needs one of its own"}},
        FaultCase{"HairpinAddressOfAPod",
                  "hairpin_address: 10.244.1.10\npods:\n" + Pod("a", "10.244.1.10"),
                  {"6: pods[0].addresses[0]: 10.244.1.10 is taken by hairpin_address (line 4); "
                   "each needs one of its own"}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace podwarp::test
