// The commands as a client of DPDK's telemetry socket sees them. A program of its own: its EAL has
// telemetry, in a directory that nobody else looks at.
#include "telemetry/commands.h"

#include <glog/logging.h>
#include <gmock/gmock.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "podwarp/dataplane/mark.h"
#include "podwarp/port/offload.h"
#include "telemetry/test_node.h"

namespace podwarp::test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

constexpr char kPrefix[] = "podwarp-telemetry-test";
// All that a port may count: sixteen digits.
constexpr uint64_t kMostFrames = 9'999'999'999'999'999;
constexpr size_t kDpdkAnswerBytes = 16 * 1024;

rte_mempool* pool = nullptr;
std::string runtime_directory;

void StartEalWithTelemetry() {
  char directory[] = "/tmp/podwarp-telemetry-XXXXXX";
  PCHECK(mkdtemp(directory) != nullptr);
  runtime_directory = directory;
  PCHECK(setenv("RUNTIME_DIRECTORY", directory, /*overwrite=*/1) == 0);
  std::vector<std::string> arguments = {
      "podwarp-test",      "--no-huge", "--no-shconf", "--no-pci",
      "--log-level=error", "-m",        "64",          absl::StrCat("--file-prefix=", kPrefix)};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  cpu_set_t affinity;
  CHECK_EQ(pthread_getaffinity_np(pthread_self(), sizeof(affinity), &affinity), 0);
  CHECK_GE(rte_eal_init(static_cast<int>(argv.size()), argv.data()), 0) << rte_strerror(rte_errno);
  CHECK_EQ(pthread_setaffinity_np(pthread_self(), sizeof(affinity), &affinity), 0);
  CHECK(RegisterOffloadField().ok() && RegisterMarkField().ok());
  pool = rte_pktmbuf_pool_create("test", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != nullptr) << rte_strerror(rte_errno);
}

class Client {
 public:
  Client() : socket_(socket(AF_UNIX, SOCK_SEQPACKET, 0)) {
    PCHECK(socket_ >= 0);
    const std::string path = runtime_directory + "/dpdk/" + kPrefix + "/dpdk_telemetry.v2";
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    CHECK_LT(path.size(), sizeof(address.sun_path));
    path.copy(address.sun_path, path.size());
    PCHECK(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) << path;
    CHECK(Receive().contains("version"));
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // "/podwarp/pods,38" -> what stands under "/podwarp/pods". Fails the test if DPDK cut it off.
  json Ask(const std::string& question) {
    PCHECK(send(socket_, question.data(), question.size(), 0) >= 0);
    const json answer = Receive();
    return answer.at(question.substr(0, question.find(',')));
  }
  std::string Error(const std::string& question) { return Ask(question).value("error", "none"); }

 private:
  json Receive() {
    std::string text(2 * kDpdkAnswerBytes, '\0');
    const ssize_t bytes = recv(socket_, text.data(), text.size(), 0);
    PCHECK(bytes > 0);
    EXPECT_LT(static_cast<size_t>(bytes), kDpdkAnswerBytes);
    text.resize(static_cast<size_t>(bytes));
    return json::parse(text);
  }

  const int socket_;
};

// A node whose control loop runs, and that answers.
class Commands : public testing::Test {
 protected:
  // One for all tests: DPDK serves ten at once, and forgets a closed one only after a while.
  static void SetUpTestSuite() { client_ = new Client; }
  static void TearDownTestSuite() { delete client_; }

  void Start(const std::string& yaml, const std::map<std::string, absl::Status>& failures = {}) {
    node_.emplace(yaml, pool, failures);
    const absl::Status status = StartTelemetry(&**node_, &loop_, kubernetes_);
    ASSERT_TRUE(status.ok()) << status.ToString();
    control_ = std::thread([this] { loop_.Run([](absl::Time) {}, [] {}); });
  }
  void Stop() {
    loop_.Stop();
    if (control_.joinable()) control_.join();
    StopTelemetry();
  }
  void TearDown() override { Stop(); }

  // All entries, page by page.
  std::vector<json> AskAll(const std::string& command) {
    std::vector<json> all;
    json page = client_->Ask(command);
    for (;;) {
      EXPECT_EQ(page.at("start"), all.size());
      EXPECT_FALSE(page.at("entries").empty() && page.contains("next")) << command;
      const size_t start = all.size();
      for (size_t i = start; i < start + page.at("entries").size(); ++i) {
        all.push_back(page.at("entries").at(std::to_string(i)));
      }
      if (!page.contains("next")) break;
      EXPECT_EQ(page.at("next"), all.size());
      page = client_->Ask(command + "," + std::to_string(page.at("next").get<size_t>()));
    }
    EXPECT_EQ(page.at("total"), all.size());
    return all;
  }

  ControlLoop loop_;
  KubernetesStatusSource kubernetes_;
  std::optional<TestNode> node_;
  std::thread control_;
  static inline Client* client_ = nullptr;
};

std::string ManyPods(int pods) {
  std::string yaml;
  for (int i = 0; i < pods; ++i) {
    absl::StrAppend(&yaml, "\n  - {name: web-", i, ", addresses: [10.244.", 4 + i / 250, ".",
                    i % 250, "], port: {tap: {interface: t", i, "}}}");
  }
  return yaml;
}

TEST_F(Commands, AreListedWithHelp) {
  Start(NodeYaml(kTwoPods));
  const json list = client_->Ask("/");
  for (const char* name :
       {"arp", "connections", "drops", "kubernetes", "latency", "nodes", "pod", "pods", "port",
        "ports", "route", "services", "stages", "version", "workers"}) {
    const std::string command = absl::StrCat("/podwarp/", name);
    EXPECT_EQ(std::count(list.begin(), list.end(), command), 1) << command;
    EXPECT_THAT(client_->Ask("/help," + command).at(command).get<std::string>(),
                HasSubstr("arameters"));
  }
}

TEST_F(Commands, ConnectionsAreToldIfAskedFor) {
  const std::string label(60, 'x');
  const std::string name = absl::StrCat(label, ".", label, ".", label);
  Start(NodeYaml(absl::StrCat("\n  - {namespace: ", label, ", name: ", name,
                              ", addresses: [10.244.1.10], port: {tap: {}}}")) +
        "\nservice_ranges: [10.96.0.0/16]\nservices:\n  - {name: " + label +
        ", namespace: " + label + ", address: 10.96.0.10, ports: [{name: " + std::string(15, 'p') +
        ", port: 65535}]}");
  constexpr uint16_t kMany = 50;
  for (uint16_t i = 0; i < kMany; ++i) {
    ConnectionTable::NewConnection wanted;
    wanted.original = {.source = "10.244.1.10"_ip,
                       .destination = "10.96.0.10"_ip,
                       .source_port = Be16(static_cast<uint16_t>(60'000 + i)),
                       .destination_port = Be16(65535),
                       .protocol = kIpProtocolTcp};
    wanted.translated = wanted.original;
    wanted.translated.destination = "10.244.1.10"_ip;
    ASSERT_EQ(node_->tables().connections.Add(/*worker=*/0, wanted, 0).result,
              ConnectionTable::AddResult::kAdded);
  }
  const std::string filter =
      absl::StrCat("/podwarp/connections,service=", label, "/", label, ",pod=", label, "/", name);
  std::set<int> ports;
  json page = client_->Ask(filter);
  EXPECT_EQ(page.at("in_use"), kMany);
  while (!page.at("entries").empty()) {
    for (const auto& [number, connection] : page.at("entries").items()) {
      EXPECT_TRUE(ports.insert(connection.at("client").at("port").get<int>()).second);
      EXPECT_EQ(connection.at("state"), "new");
      EXPECT_THAT(connection.at("backend").at("pod").get<std::string>(), HasSubstr(label));
    }
    if (!page.contains("next")) break;
    page = client_->Ask(absl::StrCat(filter, ",start=", page.at("next").get<uint32_t>()));
  }
  EXPECT_EQ(ports.size(), kMany);
  EXPECT_TRUE(client_->Ask("/podwarp/connections,state=established").at("entries").empty());
  EXPECT_EQ(client_->Ask("/podwarp/connections,address=10.96.0.10,limit=1").at("entries").size(),
            1u);
  EXPECT_EQ(client_->Error("/podwarp/connections,web"),
            "'web' is not a filter (expected, say, service=default/web,state=established)");
  EXPECT_EQ(client_->Error("/podwarp/connections,service=a/b"), "there is no service a/b");
  EXPECT_THAT(client_->Error("/podwarp/connections,to=1"), HasSubstr("unknown parameter"));
}

TEST_F(Commands, ConnectionsAreCounted) {
  Start(NodeYaml(kTwoPods));
  const json before = client_->Ask("/podwarp/connections");
  EXPECT_EQ(before.at("in_use"), 0);
  EXPECT_EQ(before.at("capacity"), node_->tables().connections.capacity());
  EXPECT_GT(before.at("most_bytes"), 64 * before.at("capacity").get<uint64_t>());
}

TEST_F(Commands, ThreeHundredPodsComeInPages) {
  Start(NodeYaml(ManyPods(300)));
  std::set<std::string> names;
  for (const json& pod : AskAll("/podwarp/pods")) {
    EXPECT_TRUE(names.insert(pod.at("name")).second) << pod.at("name");
    EXPECT_EQ(pod.at("up"), 1);
  }
  EXPECT_EQ(names.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_THAT(names, Contains(absl::StrCat("default/web-", i)));

  EXPECT_EQ(AskAll("/podwarp/ports").size(), 302u);
  std::set<std::string> addresses;
  for (const json& entry : AskAll("/podwarp/arp")) {
    EXPECT_TRUE(addresses.insert(entry.at("address")).second) << entry.at("address");
  }
  EXPECT_EQ(addresses.size(), 309u);
}

TEST_F(Commands, LongSentencesAndManyAddressesAreCutVisibly) {
  std::string pod = "\n  - {name: big, port: {tap: {}}, addresses: [10.244.4.0";
  for (int i = 1; i < 250; ++i) absl::StrAppend(&pod, ", 10.244.4.", i);
  Start(NodeYaml(pod + "]}"),
        {{"default/big", absl::NotFoundError("\xc3\xa4 " + std::string(8000, '"'))}});
  const std::vector<json> pods = AskAll("/podwarp/pods");
  ASSERT_EQ(pods.size(), 1u);
  EXPECT_EQ(pods[0].at("why_down"), "?? " + std::string(121, '"') + "...");
  EXPECT_EQ(pods[0].at("addresses").at(0), "10.244.4.0");
  EXPECT_EQ(pods[0].at("addresses").back(), "and 219 more");
}

TEST_F(Commands, TellWhoHasAnAddress) {
  Start(NodeYaml(kTwoPods));
  EXPECT_EQ(client_->Ask("/podwarp/arp,10.244.1.10"),
            json::parse(R"({"address": "10.244.1.10", "owner": "pod default/a1", "kind": "pod",
                            "answered": 1, "answered_with": "02:00:00:00:00:01",
                            "next_hop_mac": ")" +
                        MacAddress::DeriveFrom("default/a1").ToString() +
                        R"(", "next_hop_port": "default/a1"})"));
  EXPECT_EQ(client_->Ask("/podwarp/arp,8.8.8.8"),
            json::parse(R"({"address": "8.8.8.8", "kind": "none", "answered": 0})"));
  EXPECT_THAT(client_->Error("/podwarp/arp,10.244.1"), HasSubstr("10.244.1"));
}

TEST_F(Commands, TellOfNodesAndWorkers) {
  Start(NodeYaml(kTwoPods));
  const std::vector<json> nodes = AskAll("/podwarp/nodes");
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].at("mac"), "02:00:00:00:00:0b");
  EXPECT_EQ(nodes[1].at("why_no_mac"), "nobody has answered ARP for 192.168.50.3 on uplink0");
  const std::vector<json> workers = AskAll("/podwarp/workers");
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers[0].at("queues"), 4);
  EXPECT_EQ(workers[0].at("cycles_busy"), 0);
  EXPECT_EQ(workers[0].at("cycles_total"), 0);
  EXPECT_EQ(workers[0].at("busy_percent"), "0.00");
  EXPECT_EQ(client_->Ask("/podwarp/version").at("node"), "node-a");
}

TEST_F(Commands, TellOfDropsWithTheirLastPortsAndPods) {
  Start(NodeYaml(kTwoPods));
  EXPECT_TRUE(AskAll("/podwarp/drops").empty());
  EXPECT_EQ(client_->Ask("/podwarp/drops,ttl_expired"),
            json::parse(R"({"name": "ttl_expired", "help": "time to live used up", "frames": 0,
                            "last_ports": [], "last_pods": []})"));
  node_->CountDrops("default/a1", DropReason::kTtlExpired, 3);
  node_->CountDrops("uplink0", DropReason::kNotForUs, 1);
  const std::vector<json> happened = AskAll("/podwarp/drops");
  ASSERT_EQ(happened.size(), 2u);
  EXPECT_EQ(happened[0].at("name"), "not_for_us");
  EXPECT_EQ(happened[1], client_->Ask("/podwarp/drops,ttl_expired"));
  EXPECT_EQ(happened[1], json::parse(R"({"name": "ttl_expired", "help": "time to live used up",
      "frames": 3, "last_ports": ["default/a1"], "last_pods": ["default/a1"]})"));
  const json all = client_->Ask("/podwarp/drops,all");
  EXPECT_EQ(all.size(), kDropReasons);
  EXPECT_EQ(all.at("ttl_expired"), 3);
  EXPECT_EQ(all.at("no_route"), 0);
}

TEST_F(Commands, TellAllOfOnePortOrPod) {
  Start(NodeYaml(kTwoPods));
  node_->port("default/a1").SetState({.up = false, .why_down = "its cable is cut"});
  node_->CountDrops("default/a1", DropReason::kSpoofedIp, 3);
  const json port = client_->Ask("/podwarp/port,default/a1");
  EXPECT_EQ(port.at("name"), "default/a1");
  EXPECT_EQ(port.at("driver"), "memory");
  EXPECT_EQ(port.at("why_down"), "its cable is cut");
  EXPECT_EQ(port.at("dropped_frames"), 3);
  EXPECT_EQ(port.at("drops"), (json{{"spoofed_ip", 3}}));
  const json pod = client_->Ask("/podwarp/pod,default/a1");
  EXPECT_EQ(pod.at("addresses"), json{"10.244.1.10"});
  EXPECT_EQ(pod.at("why_down"), "its cable is cut");
  EXPECT_EQ(pod.at("drops"), (json{{"spoofed_ip", 3}}));
  EXPECT_EQ(client_->Ask("/podwarp/pod,default/a2").at("drops"), json::object());
  EXPECT_EQ(client_->Error("/podwarp/port,a1"), "there is no port 'a1'");
  EXPECT_EQ(client_->Error("/podwarp/pod"),
            "there is no pod '' on this node (expected NAMESPACE/NAME)");
}

TEST_F(Commands, TellOfStagesAndLatency) {
  Start(NodeYaml(kTwoPods));
  StageCounters& route = node_->counters().stages[static_cast<size_t>(Stage::kRoute)];
  route.bursts.Add(2);
  route.frames.Add(8);
  route.cycles.Add(100);
  for (const char* command : {"/podwarp/stages", "/podwarp/stages,1"}) {
    const json stages = client_->Ask(command);
    EXPECT_EQ(stages.size(), kStages);
    EXPECT_EQ(stages.at("route"), (json{{"name", "route"},
                                        {"help", Help(Stage::kRoute)},
                                        {"bursts", 2},
                                        {"frames", 8},
                                        {"cycles", 100},
                                        {"cycles_per_frame", "12.50"},
                                        {"frames_per_burst", "4.00"}}));
  }
  node_->counters().latency.Add(rte_get_tsc_hz() / 1000);
  for (const char* command : {"/podwarp/latency", "/podwarp/latency,1"}) {
    const json latency = client_->Ask(command);
    EXPECT_EQ(latency.at("samples"), 1);
    EXPECT_NEAR(std::stod(latency.at("mean_us").get<std::string>()), 1000, 0.02);
    for (const char* key : {"p50_us", "p90_us", "p99_us", "p999_us", "max_us"}) {
      const double microseconds = std::stod(latency.at(key).get<std::string>());
      EXPECT_GE(microseconds, 999.9) << key;
      EXPECT_LE(microseconds, 1126) << key;
    }
  }
  for (const char* command : {"/podwarp/stages,2", "/podwarp/latency,2"}) {
    EXPECT_EQ(client_->Error(command), "'2' is not a worker's lcore (a number from 1 to 1)");
  }
}

// Pods with the longest names, to which everything has happened that can.
TEST_F(Commands, AnswersFitWhateverHasHappened) {
  const std::string label(60, 'x');
  constexpr int kPods = 1000;
  std::string yaml;
  for (int i = 0; i < kPods; ++i) {
    absl::StrAppend(&yaml, "\n  - {namespace: ", label, ", name: ", label, ".", label, ".", label,
                    ".p-", i, ", addresses: [10.244.", 4 + i / 250, ".", i % 250,
                    "], port: {tap: {interface: t", i, "}}}");
  }
  Start(NodeYaml(yaml));
  const std::string long_name = absl::StrCat(label, "/", label, ".", label, ".", label, ".p-0");
  for (const auto& [name, pod] : (*node_)->pods()) {
    for (size_t i = 0; i < kDropReasons; ++i) {
      node_->CountDrops(name, static_cast<DropReason>(i), kMostFrames / kPods);
    }
  }
  for (const char* list : {"/podwarp/pods", "/podwarp/ports", "/podwarp/drops"}) {
    for (const json& entry : AskAll(list)) {
      EXPECT_FALSE(entry.contains("error")) << list << ": " << entry;
      if (entry.value("role", "pod") == "pod" && entry.contains("drops")) {
        EXPECT_EQ(entry.at("drops").size(), kDropReasons);
      }
    }
  }
  EXPECT_EQ(client_->Ask("/podwarp/drops,all").size(), kDropReasons);
  EXPECT_EQ(client_->Ask("/podwarp/pod," + long_name).at("drops").size(), kDropReasons);
  EXPECT_EQ(client_->Ask("/podwarp/port," + long_name).at("drops").size(), kDropReasons);
  EXPECT_EQ(client_->Ask("/podwarp/route,10.244.4.0").at("verdict"), "sent");
}

TEST_F(Commands, SayHowItStandsWithKubernetes) {
  kubernetes_ = [] {
    KubernetesStatus status;
    status.server = "https://10.96.0.1:443";
    status.not_current_for = absl::Seconds(61);
    status.notes = {"two nodes have one MAC"};
    status.resources.resize(2);
    status.resources[0].name = "nodes";
    status.resources[0].synced = status.resources[0].connected = true;
    status.resources[0].objects = 3;
    status.resources[0].since_contact = absl::Milliseconds(2500);
    status.resources[1].name = "pods";
    status.resources[1].last_error = "connection refused";
    return status;
  };
  Start(NodeYaml(kTwoPods));
  EXPECT_EQ(client_->Ask("/podwarp/kubernetes"),
            (json{{"server", "https://10.96.0.1:443"},
                  {"summary",
                   "waits for the first lists of https://10.96.0.1:443: pods (connection refused)"},
                  {"is_synced", 0},
                  {"is_current", 0},
                  {"not_current_seconds", 61},
                  {"notes", {"two nodes have one MAC"}},
                  {"resources",
                   {{"nodes",
                     {{"name", "nodes"},
                      {"synced", 1},
                      {"connected", 1},
                      {"objects", 3},
                      {"seconds_since_contact", 2}}},
                    {"pods",
                     {{"name", "pods"},
                      {"synced", 0},
                      {"connected", 0},
                      {"objects", 0},
                      {"last_error", "connection refused"}}}}}}));
  Stop();
  EXPECT_EQ(client_->Error("/podwarp/kubernetes"), "podwarp is stopping");
}

TEST_F(Commands, SayThatKubernetesIsNotFollowed) {
  Start(NodeYaml(kTwoPods));
  EXPECT_EQ(client_->Error("/podwarp/kubernetes"), "Kubernetes isn't followed");
}

TEST_F(Commands, TellOfServices) {
  Start(NodeYaml(kTwoPods) + R"(
service_ranges: [10.96.0.0/16]
services:
  - name: web
    address: 10.96.0.10
    session_affinity: 3h
    external_addresses: [203.0.113.10]
    source_ranges: [192.0.2.0/24]
    internal_traffic: local
    external_traffic: local
    ports:
      - name: http
        port: 80
        node_port: 30080
        backends:
          - {address: 10.244.1.10, port: 8080}
          - {address: 10.244.1.11, port: 8080, state: terminating}
          - {address: 10.244.2.10, port: 8080}
      - {name: dns, protocol: udp, port: 53}
  - {name: db, namespace: back, address: 10.96.0.11, ports: [{protocol: sctp, port: 99}]}
)");
  const std::vector<json> services = AskAll("/podwarp/services");
  ASSERT_EQ(services.size(), 3u);
  EXPECT_EQ(services[0], json::parse(R"({"name": "back/db:99/sctp", "address": "10.96.0.11",
      "port": 99, "protocol": "sctp", "ready": [], "terminating": []})"));
  EXPECT_EQ(services[1], json::parse(R"({"name": "default/web:http", "address": "10.96.0.10",
      "port": 80, "protocol": "tcp", "ready": ["10.244.1.10:8080", "10.244.2.10:8080"],
      "terminating": ["10.244.1.11:8080"], "session_affinity": "3h",
      "external_addresses": ["203.0.113.10"], "source_ranges": ["192.0.2.0/24"],
      "node_port": 30080, "internal_traffic": "local", "external_traffic": "local"})"));
  EXPECT_EQ(services[2].at("name"), "default/web:dns");
  EXPECT_FALSE(services[2].contains("node_port"));
  EXPECT_EQ(client_->Ask("/podwarp/arp,10.96.0.10").at("owner"), "services");
}

TEST_F(Commands, TellWhatBecomesOfAFrame) {
  Start(NodeYaml(kTwoPods) + R"(
service_ranges: [10.96.0.0/16]
services:
  - name: web
    address: 10.96.0.10
    external_addresses: [203.0.113.10]
    internal_traffic: local
    ports:
      - name: http
        port: 80
        node_port: 30080
        backends:
          - {address: 10.244.1.10, port: 8080, node: node-a}
          - {address: 10.244.1.11, port: 8080, state: terminating, node: node-a}
          - {address: 10.244.2.10, port: 8080, node: node-b}
  - {name: db, address: 10.96.0.11, ports: [{protocol: sctp, port: 99}]}
)");
  for (const char* name : {"uplink0", "podwarp0", "default/a1"}) {
    node_->port(name).SetState({.up = true, .why_down = ""});
  }
  node_->port("default/a2").SetState({.up = false, .why_down = "its cable is cut"});
  const auto route = [](const std::string& to) { return client_->Ask("/podwarp/route," + to); };

  EXPECT_EQ(route("10.244.1.10"),
            (json{{"address", "10.244.1.10"},
                  {"verdict", "sent"},
                  {"summary", "goes to pod default/a1 by port default/a1"},
                  {"owner", "pod default/a1"},
                  {"kind", "pod"},
                  {"next_hop", "pod default/a1"},
                  {"next_hop_mac", MacAddress::DeriveFrom("default/a1").ToString()},
                  {"port", "default/a1"},
                  {"mtu_bytes", 1500},
                  {"up", 1},
                  {"answered", 1},
                  {"answered_with", "02:00:00:00:00:01"}}));
  const json down = route("10.244.1.11");
  EXPECT_EQ(down.at("verdict"), "dropped");
  EXPECT_EQ(down.at("reason"), "port_down");
  EXPECT_EQ(down.at("why_down"), "its cable is cut");

  EXPECT_EQ(route("10.244.2.9").at("summary"), "goes to node node-b by port uplink0");
  EXPECT_EQ(route("10.244.3.9").at("reason"), "neighbor_unresolved");
  EXPECT_EQ(route("10.244.9.9").at("reason"), "unowned_address");
  EXPECT_EQ(route("10.244.1.255").at("reason"), "unowned_address");
  EXPECT_EQ(route("10.244.1.1").at("verdict"), "consumed");
  const json outside = route("8.8.8.8");
  EXPECT_EQ(outside.at("summary"), "goes to host by port podwarp0");
  EXPECT_EQ(outside.at("kind"), "none");
  EXPECT_EQ(outside.at("answered"), 0);
  EXPECT_FALSE(outside.contains("owner"));

  const json web = {{"name", "default/web:http"},
                    {"port", 80},
                    {"protocol", "tcp"},
                    {"ready", 1},
                    {"terminating", 1}};
  EXPECT_EQ(route("10.96.0.10").at("verdict"), "translated");
  EXPECT_EQ(route("10.96.0.10").at("services"), (json{{"0", web}}));
  EXPECT_EQ(route("203.0.113.10").at("services").at("0").at("ready"), 2);
  EXPECT_EQ(route("10.244.1.254").at("services").at("0").at("port"), 30080);
  EXPECT_EQ(route("10.96.0.11").at("services").at("0").at("ready"), 0);
  EXPECT_EQ(route("10.96.0.99").at("reason"), "unowned_address");
  EXPECT_THAT(client_->Error("/podwarp/route,web"), HasSubstr("'web' is not an IPv4 address"));
  EXPECT_THAT(client_->Error("/podwarp/route"), HasSubstr("is not an IPv4 address"));
}

TEST_F(Commands, ThousandServicesComeInPages) {
  std::string yaml = "\nservice_ranges: [10.96.0.0/16]\nservices:";
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&yaml, "\n  - {name: s-", i, ", address: 10.96.", 1 + i / 250, ".", i % 250,
                    ", ports: [{port: 80, backends: [{address: 10.244.1.10}]}]}");
  }
  Start(NodeYaml(kTwoPods) + yaml);
  std::set<std::string> names;
  for (const json& service : AskAll("/podwarp/services")) {
    EXPECT_TRUE(names.insert(service.at("name")).second) << service.at("name");
  }
  EXPECT_EQ(names.size(), 1000u);
}

TEST_F(Commands, SayWhatIsWrongWithAParameter) {
  Start(NodeYaml(kTwoPods));
  for (const char* list : {"arp", "nodes", "pods", "ports", "services", "workers"}) {
    const std::string command = absl::StrCat("/podwarp/", list);
    for (const char* start : {"x", "-1", "1x", " 1", "99999999999999999999"}) {
      EXPECT_EQ(client_->Error(command + "," + start),
                absl::StrCat("START is a number, that of the first entry, not '", start, "'"));
    }
    EXPECT_THAT(client_->Error(command + ",99"), HasSubstr("START is 99, but there are only"));
  }
  EXPECT_EQ(client_->Error("/podwarp/drops,none"), "there is no drop reason 'none'");
  EXPECT_EQ(client_->Error("/podwarp/drops,99"), "START is 99, but there are only 0");
}

TEST_F(Commands, SayThatPodwarpIsStopping) {
  Start(NodeYaml(kTwoPods));
  Stop();
  EXPECT_EQ(client_->Error("/podwarp/version"), "podwarp is stopping");
}

// Clients have threads of their own in DPDK.
TEST_F(Commands, ManyClientsAskWhilePodwarpStops) {
  Start(NodeYaml(kTwoPods));
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([] {
      Client client;
      json answer;
      do {
        answer = client.Ask("/podwarp/pods");
        EXPECT_EQ(answer.contains("error"), !answer.contains("entries"));
      } while (!answer.contains("error"));
      EXPECT_EQ(answer.at("error"), "podwarp is stopping");
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client_->Ask("/podwarp/pods").at("total"), 2);
  Stop();
  for (std::thread& client : clients) client.join();
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  podwarp::test::StartEalWithTelemetry();
  const int result = RUN_ALL_TESTS();
  std::error_code ignored;
  std::filesystem::remove_all(podwarp::test::runtime_directory, ignored);
  return result;
}
