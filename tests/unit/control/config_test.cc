#include "control/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace podwarp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kMinimal[] =
    "node_name: node-a\n"
    "gateway: {address: 10.244.1.1}\n"
    "pod_ranges: [10.244.0.0/16]\n";

const std::string kConfigs = PODWARP_CONFIGS;
const char* const kExamples[] = {"/example.yaml", "/two-nodes/node-a.yaml",
                                 "/two-nodes/node-b.yaml", "/one-node/node.yaml"};

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

absl::StatusOr<Config> Parse(const std::string& text, const ConfigOverrides& overrides = {}) {
  return ParseConfig(text, "f", overrides);
}

std::string Message(const absl::StatusOr<Config>& config) {
  return std::string(config.status().message());
}

TEST(Config, MinimalFileGetsDefaults) {
  const absl::StatusOr<Config> config = Parse(kMinimal);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->virtual_mac, MacAddress::DeriveFrom("node-a"));
  EXPECT_EQ(config->gateway.address, Ipv4Address(10, 244, 1, 1));
  EXPECT_EQ(config->gateway.mac, config->virtual_mac);
  EXPECT_THAT(config->pod_ranges, ElementsAre(Ipv4Prefix(Ipv4Address(10, 244, 0, 0), 16)));
  EXPECT_EQ(config->hairpin_mode, HairpinMode::kPromiscuousArp);
  EXPECT_THAT(config->uplinks, IsEmpty());
  EXPECT_FALSE(config->host_port.has_value());
  EXPECT_THAT(config->services, IsEmpty());
  EXPECT_EQ(config->connections, ConnectionsConfig());
  EXPECT_EQ(config->idle, IdleConfig());
  EXPECT_EQ(config->limits, LimitsConfig());
  EXPECT_EQ(config->file_prefix, "podwarp-node-a");
  EXPECT_EQ(config->buffers, 0u);
  EXPECT_EQ(config->hugepage_memory_mb, 0u);
}

TEST(Config, NodeNameDefaultsToTheMachines) {
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  const absl::StatusOr<Config> config =
      Parse("gateway: {address: 10.244.1.1}\npod_ranges: [10.244.0.0/16]\n");
  if (config.ok()) {
    EXPECT_STRCASEEQ(config->node_name.c_str(), name);
  } else {
    EXPECT_THAT(Message(config), HasSubstr("f:1: node_name: is missing, and the machine's own"));
  }
}

TEST(Config, ExampleShowsEveryKind) {
  const absl::StatusOr<Config> config = LoadConfig(kConfigs + "/example.yaml", {});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->virtual_mac, *MacAddress::Parse("00:11:22:33:44:55"));
  ASSERT_EQ(config->uplinks.size(), 2u);
  const UplinkConfig& uplink = config->uplinks[0];
  EXPECT_EQ(uplink.pci_address, "0000:3b:00.0");
  EXPECT_EQ(uplink.vlan_id, 100);
  EXPECT_EQ(uplink.address, Ipv4Address(192, 168, 50, 1));
  EXPECT_EQ(uplink.segment(), Ipv4Prefix(Ipv4Address(192, 168, 50, 0), 24));
  EXPECT_EQ(uplink.router, Ipv4Address(192, 168, 50, 254));
  EXPECT_TRUE(uplink.announce_pods);
  EXPECT_TRUE(uplink.announce_services);
  EXPECT_EQ(config->uplinks[1].vdev, "net_af_packet1,iface=eth2,qdisc_bypass=1");
  EXPECT_FALSE(config->uplinks[1].segment().has_value());

  ASSERT_EQ(config->pods.size(), 3u);
  EXPECT_EQ(std::get<TapPortConfig>(config->pods[0].port),
            (TapPortConfig{.interface = "eth0", .netns = "/run/netns/web-1"}));
  EXPECT_EQ(std::get<VhostUserPortConfig>(config->pods[1].port),
            (VhostUserPortConfig{.socket = "/run/podwarp/vm-1/vhost.sock", .server = false}));
  EXPECT_EQ(config->pods[1].full_name(), "machines/vm-1");
  EXPECT_EQ(config->pods[1].mac, MacAddress::DeriveFrom("machines/vm-1"));
  EXPECT_EQ(config->pods[2].full_name(), "default/appliance-1");
  EXPECT_TRUE(std::holds_alternative<VdevPortConfig>(config->pods[2].port));

  ASSERT_EQ(config->nodes.size(), 1u);
  EXPECT_EQ(config->nodes[0].uplink, "uplink0");
  ASSERT_EQ(config->services.size(), 1u);
  EXPECT_EQ(config->services[0].full_name(), "default/web");
  EXPECT_EQ(config->services[0].session_affinity, absl::Hours(3));
  EXPECT_THAT(config->services[0].external_addresses, ElementsAre(Ipv4Address(203, 0, 113, 10)));
  EXPECT_EQ(config->services[0].source_ranges.size(), 2u);
  EXPECT_EQ(config->services[0].ports[0].node_port, 30080);
  EXPECT_EQ(config->services[0].ports[0].backends.size(), 2u);
  EXPECT_EQ(config->services[0].ports[0].backends[1].node, "node-b");
  EXPECT_EQ(config->metrics, (MetricsConfig{.address = Ipv4Address(127, 0, 0, 1), .port = 9464}));
  EXPECT_EQ(config->kubernetes->kubeconfig, "/etc/podwarp/kubeconfig");
  EXPECT_THAT(config->workers.cores, ElementsAre(1));
  // What the example says of defaults is true.
  EXPECT_EQ(config->idle, IdleConfig());
  EXPECT_EQ(config->limits, LimitsConfig());
  EXPECT_EQ(config->connections, ConnectionsConfig());
  EXPECT_EQ(config->hairpin_address, config->gateway.address);
  EXPECT_EQ(config->services[0].internal_traffic, ServiceConfig().internal_traffic);
  EXPECT_EQ(config->services[0].external_traffic, ServiceConfig().external_traffic);
  EXPECT_EQ(config->uplinks[1].announce_services, UplinkConfig().announce_services);
}

TEST(Config, TwoNodesKnowEachOther) {
  const absl::StatusOr<Config> a = LoadConfig(kConfigs + "/two-nodes/node-a.yaml", {});
  const absl::StatusOr<Config> b = LoadConfig(kConfigs + "/two-nodes/node-b.yaml", {});
  ASSERT_TRUE(a.ok()) << a.status().message();
  ASSERT_TRUE(b.ok()) << b.status().message();
  const auto expect_knows = [](const Config& one, const Config& other) {
    ASSERT_EQ(one.nodes.size(), 1u);
    EXPECT_EQ(one.nodes[0].name, other.node_name);
    EXPECT_EQ(one.nodes[0].virtual_mac, other.virtual_mac);
    EXPECT_EQ(one.nodes[0].underlay_address, other.uplinks[0].address);
    EXPECT_EQ(one.nodes[0].pod_ranges, other.node_pod_ranges);
  };
  expect_knows(*a, *b);
  expect_knows(*b, *a);
  EXPECT_EQ(a->pods.size(), 2u);
  EXPECT_EQ(b->pods.size(), 2u);
  EXPECT_EQ(a->services, b->services);
  ASSERT_EQ(a->services.size(), 1u);
  const std::vector<BackendConfig>& backends = a->services[0].ports[0].backends;
  ASSERT_EQ(backends.size(), 2u);
  EXPECT_EQ(backends[0].address, a->pods[0].addresses[0]);
  EXPECT_EQ(backends[1].address, b->pods[0].addresses[0]);
  EXPECT_NE(a->file_prefix, b->file_prefix);
}

TEST(Config, YamlReadsBackToTheSame) {
  for (const char* name : kExamples) {
    const absl::StatusOr<Config> config = LoadConfig(kConfigs + name, {});
    ASSERT_TRUE(config.ok()) << config.status().message();
    const absl::StatusOr<Config> again = Parse(ToYaml(*config));
    ASSERT_TRUE(again.ok()) << again.status().message() << "\n" << ToYaml(*config);
    EXPECT_EQ(*again, *config) << ToYaml(*config);
  }
}

TEST(Config, YamlKeepsNamesThatLookLikeOtherThings) {
  absl::StatusOr<Config> config = Parse(kMinimal);
  ASSERT_TRUE(config.ok());
  config->idle = {.mode = IdleMode::kBusy, .max_sleep = absl::Nanoseconds(10001)};
  config->hairpin_mode = HairpinMode::kNone;
  uint8_t last = 10;
  for (const char* name : {"null", "true", "0", "1e3", "n"}) {
    PodConfig& pod = config->pods.emplace_back();
    pod.name = name;
    pod.mac = MacAddress::DeriveFrom(pod.full_name());
    pod.addresses = {Ipv4Address(10, 244, 1, last++)};
    pod.port = TapPortConfig{.interface = "a#b", .netns = std::string("/run/x: {y}/") + name};
  }
  config->pods[1].port = VhostUserPortConfig{.socket = "/run/a'\"b",
                                             .server = true,
                                             .queues = 4,
                                             .socket_mode = uint16_t{0660},
                                             .group = "0"};
  const absl::StatusOr<Config> again = Parse(ToYaml(*config));
  ASSERT_TRUE(again.ok()) << again.status().message() << "\n" << ToYaml(*config);
  EXPECT_EQ(*again, *config) << ToYaml(*config);
}

TEST(Config, CommandLineReplacesTheFile) {
  ConfigOverrides overrides;
  overrides.node_name = "node-z";
  overrides.virtual_mac = "02:00:00:00:00:aa";
  overrides.hairpin_mode = "hairpin-veth";
  overrides.file_prefix = "other";
  overrides.worker_cores = "3,5";
  overrides.idle_mode = "busy";
  // What is replaced may be wrong; what isn't there is added.
  for (const std::string& text : {std::string(kMinimal) + "hairpin_mode: nonsense\n"
                                                          "virtual_mac: nonsense\n"
                                                          "workers: {cores: [1]}\n",
                                  std::string(kMinimal)}) {
    const absl::StatusOr<Config> config = Parse(text, overrides);
    ASSERT_TRUE(config.ok()) << config.status().message();
    EXPECT_EQ(config->node_name, "node-z");
    EXPECT_EQ(config->virtual_mac, *MacAddress::Parse("02:00:00:00:00:aa"));
    EXPECT_EQ(config->hairpin_mode, HairpinMode::kHairpinVeth);
    EXPECT_EQ(config->file_prefix, "other");
    EXPECT_THAT(config->workers.cores, ElementsAre(3, 5));
    EXPECT_EQ(config->idle.mode, IdleMode::kBusy);
  }
}

TEST(Config, FaultsOfTheCommandLineNameTheFlagAndComeFirst) {
  ConfigOverrides overrides;
  overrides.hairpin_mode = "on";
  overrides.worker_cores = "1,x,1";
  overrides.virtual_mac = "02:00:00:00:00:0b";
  EXPECT_EQ(Message(Parse(std::string(kMinimal) + "tables: 1\n"
                                                  "nodes:\n"
                                                  "  - name: node-b\n"
                                                  "    virtual_mac: 02-00-00-00-00-0b\n"
                                                  "    pod_ranges: [10.244.2.0/24]\n"
                                                  "uplinks: [{name: u, vdev: net_null0}]\n",
                          overrides)),
            "--hairpin_mode: 'on' is not a hairpin mode (expected promiscuous-arp, or "
            "promiscuous-bridge for the same, hairpin-veth or none)\n"
            "--worker_cores: 'x' is not a whole number from 0 to 1023\n"
            "--worker_cores: core 1 is taken by workers.cores[0] (--worker_cores); each needs one "
            "of its own\n"
            "f:4: tables: unknown key (known: node_name, virtual_mac, gateway, pod_ranges, "
            "node_pod_ranges, service_ranges, reserved_addresses, hairpin_mode, hairpin_address, "
            "uplinks, kubernetes, host_port, pods, nodes, routes, services, connections, api, "
            "metrics, workers, idle, limits, memory)\n"
            "f:7: nodes[0].virtual_mac: 02:00:00:00:00:0b is taken by virtual_mac "
            "(--virtual_mac); each needs one of its own");
}

TEST(Config, HairpinWords) {
  EXPECT_EQ(*ParseHairpinMode("promiscuous-arp"), HairpinMode::kPromiscuousArp);
  EXPECT_EQ(*ParseHairpinMode("promiscuous-bridge"), HairpinMode::kPromiscuousArp);
  EXPECT_FALSE(ParseHairpinMode("").ok());
  for (const HairpinMode mode :
       {HairpinMode::kPromiscuousArp, HairpinMode::kHairpinVeth, HairpinMode::kNone}) {
    EXPECT_EQ(*ParseHairpinMode(ToString(mode)), mode);
  }
}

TEST(Config, FileThatCannotBeReadIsNotFound) {
  for (const std::string& path : {kConfigs + "/no-such-file.yaml", kConfigs}) {
    const absl::StatusOr<Config> config = LoadConfig(path, {});
    EXPECT_TRUE(absl::IsNotFound(config.status())) << config.status();
    EXPECT_THAT(Message(config), HasSubstr(path));
  }
}

TEST(Config, EmptyFileMissesWhatIsRequired) {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("podwarp-config-test-" + std::to_string(getpid()) + ".yaml");
  std::ofstream(path).close();
  const absl::StatusOr<Config> config = LoadConfig(path, {.node_name = "node-a"});
  std::remove(path.c_str());
  EXPECT_TRUE(absl::IsInvalidArgument(config.status()));
  EXPECT_EQ(Message(config),
            path + ":1: gateway.address: is missing\n" + path + ":1: pod_ranges: is missing");
}

// Whatever is cut off, the answer is a Config or faults, each with a place.
void ExpectNoSurprise(const std::string& text) {
  const absl::StatusOr<Config> config = Parse(text);
  if (config.ok()) return;
  std::istringstream lines(Message(config));
  for (std::string line; std::getline(lines, line);) {
    ASSERT_THAT(line, testing::MatchesRegex("f:[1-9][0-9]*: .*")) << text;
  }
}

TEST(Config, CutOffFilesAreRefusedInWords) {
  for (const char* name : kExamples) {
    const std::string text = ReadFile(kConfigs + name);
    for (size_t end = 0; end != std::string::npos; end = text.find('\n', end + 1)) {
      ASSERT_NO_FATAL_FAILURE(ExpectNoSurprise(text.substr(0, end)));
    }
  }
  // At each byte of one without the comments, and with each byte gone wrong.
  const std::string text = ToYaml(*LoadConfig(kConfigs + "/example.yaml", {}));
  for (size_t i = 0; i < text.size(); ++i) {
    ASSERT_NO_FATAL_FAILURE(ExpectNoSurprise(text.substr(0, i)));
    std::string changed = text;
    changed[i] = ":-[]{}&*!|>'\"%@`\t\n,#\0\xff x"[i % 24];
    ASSERT_NO_FATAL_FAILURE(ExpectNoSurprise(changed));
  }
}

}  // namespace
}  // namespace podwarp
