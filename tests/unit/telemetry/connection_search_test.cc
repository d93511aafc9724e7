// What is listed of the connections, for which question, and in how many steps.
#include "telemetry/connection_search.h"

#include <gmock/gmock.h>
#include <rte_cycles.h>

#include "podwarp/net/headers.h"
#include "telemetry/describe.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Json = nlohmann::ordered_json;
using Parameters = std::multimap<std::string, std::string>;

std::string FaultOf(const Parameters& parameters) {
  return std::string(ParseConnectionQuery(parameters).status().message());
}

TEST(ConnectionQuery, ReadsAllParameters) {
  const absl::StatusOr<ConnectionQuery> query = ParseConnectionQuery({{"pod", "default/web"},
                                                                      {"service", "shop/cart"},
                                                                      {"address", "10.0.0.1"},
                                                                      {"state", "closing"},
                                                                      {"limit", "7"},
                                                                      {"start", "4294967295"}});
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->pod, "default/web");
  EXPECT_EQ(query->service, "shop/cart");
  EXPECT_EQ(query->address, "10.0.0.1"_ip);
  EXPECT_EQ(query->state, ConnectionState::kClosing);
  EXPECT_FALSE(query->is_affinity);
  EXPECT_EQ(query->limit, 7u);
  EXPECT_EQ(query->start, UINT32_MAX);
  EXPECT_TRUE(ParseConnectionQuery({{"state", "affinity"}})->is_affinity);
}

TEST(ConnectionQuery, FaultsNameTheParameter) {
  EXPECT_EQ(FaultOf({{"limit", "10001"}}), "limit: '10001' is not a whole number from 1 to 10000");
  EXPECT_EQ(FaultOf({{"state", "establishd"}}),
            "state: 'establishd' is not a state (did you mean 'established'?)");
  EXPECT_EQ(FaultOf({{"state", "unlinked"}}),
            "state: 'unlinked' is not a state (known: affinity, new, established, closing, "
            "closed)");
  EXPECT_EQ(FaultOf({{"pod", "web"}}), "pod: 'web' is not a pod (expected namespace/name)");
  EXPECT_EQ(FaultOf({{"service", "web"}}),
            "service: 'web' is not a service (expected namespace/name)");
  EXPECT_EQ(FaultOf({{"address", "web"}}),
            "address: 'web' is not an IPv4 address (expected, say, 10.244.1.10)");
  EXPECT_EQ(FaultOf({{"from", "1"}}),
            "from: unknown parameter (known: pod, service, address, state, start, limit)");
}

constexpr uint16_t kMany = 600;

const Ipv4Address kShop = "10.96.0.10"_ip;
const Ipv4Address kExternal = "203.0.113.10"_ip;
const Ipv4Address kDns = "10.96.0.53"_ip;

class Connections : public NodeTest {
 protected:
  Connections() {
    Start();
    ServicePortConfig port;
    port.name = "http";
    port.port = 80;
    ServiceConfig shop;
    shop.name = "shop";
    shop.address = kShop;
    shop.external_addresses = {kExternal};
    shop.ports = {port};
    const absl::Status status =
        node_->Apply({.before = std::nullopt, .after = shop}, clock_.time());
    EXPECT_TRUE(status.ok()) << status;
  }

  // A client's to a service, idle for so many ticks.
  Connection* Add(Ipv4Address client, uint16_t port, Ipv4Address service, Ipv4Address backend,
                  ConnectionKind kind = ConnectionKind::kFlow, uint32_t idle = 0) {
    const bool is_dns = service == kDns;
    ConnectionTable::NewConnection wanted;
    wanted.original = {.source = client,
                       .destination = service,
                       .source_port = Be16(port),
                       .destination_port = Be16(is_dns ? 53 : 80),
                       .protocol = is_dns ? kIpProtocolUdp : kIpProtocolTcp};
    wanted.translated = wanted.original;
    wanted.translated.destination = backend;
    wanted.translated.destination_port = Be16(8080);
    wanted.kind = kind;
    const ConnectionTable::Added added =
        tables_->connections.Add(/*worker=*/0, wanted, TickOf(rte_rdtsc()) - idle);
    EXPECT_EQ(added.result, ConnectionTable::AddResult::kAdded);
    return added.connection;
  }

  Json Answer(const Parameters& parameters) {
    ConnectionSearch search(*ParseConnectionQuery(parameters));
    steps_ = 0;
    while (true) {
      ++steps_;
      const absl::StatusOr<bool> goes_on = search.Step(*node_);
      if (!goes_on.ok()) return std::string(goes_on.status().message());
      if (!*goes_on) break;
    }
    const ConnectionPage page = std::move(search).Take();
    Json items = Json::array();
    for (const ConnectionReport& connection : page.connections) {
      items.push_back(Describe<JsonAnswer>(connection).Take());
    }
    Json answer = {{"items", std::move(items)}, {"next", nullptr}};
    if (page.next.has_value()) answer["next"] = *page.next;
    answer["in_use"] = page.in_use;
    answer["capacity"] = page.capacity;
    return answer;
  }
  // The ports of the clients of what is listed, in the order of the table.
  std::vector<int> ClientPorts(const Parameters& parameters) {
    std::vector<int> ports;
    const Json answer = Answer(parameters);
    for (const Json& item : answer["items"]) {
      ports.push_back(item["client"].value("port", 0));
    }
    return ports;
  }

  int steps_ = 0;
};

TEST_F(Connections, ThereAreNone) {
  EXPECT_EQ(Answer({}).dump(), R"({"items":[],"next":null,"in_use":0,"capacity":1024})");
}

TEST_F(Connections, AreToldWithTheirPodsAndService) {
  Add(kWeb, 40000, kShop, kDb);
  Add(kOnB, 40001, kDns, kOnB)->state = ConnectionState::kEstablished;
  Json items = Answer({})["items"];
  ASSERT_THAT(items, SizeIs(2));
  for (Json& item : items) {
    EXPECT_LT(item["idle_seconds"].get<double>(), 10);
    item.erase("idle_seconds");
  }
  EXPECT_EQ(items[0].dump(),
            R"({"protocol":"tcp",)"
            R"("client":{"address":"10.244.1.10","port":40000,"pod":"default/web"},)"
            R"("service":{"address":"10.96.0.10","port":80,"name":"default/shop:http"},)"
            R"("backend":{"address":"10.244.1.11","port":8080,"pod":"default/db"},)"
            R"("state":"new"})");
  EXPECT_EQ(items[1].dump(),
            R"({"protocol":"udp","client":{"address":"10.244.2.10","port":40001},)"
            R"("service":{"address":"10.96.0.53","port":53},)"
            R"("backend":{"address":"10.244.2.10","port":8080},"state":"established"})");
}

TEST_F(Connections, AreIdleSinceTheirLastFrame) {
  const double seconds_per_tick =
      static_cast<double>(uint64_t{1} << kTickShift) / static_cast<double>(rte_get_tsc_hz());
  Add(kWeb, 1, kShop, kDb, ConnectionKind::kFlow, /*idle=*/10'000);
  Add(kWeb, 2, kShop, kDb, ConnectionKind::kFlow, /*idle=*/uint32_t(-100));  // another core's TSC
  const Json items = Answer({})["items"];
  EXPECT_GE(items[0]["idle_seconds"].get<double>(), 10'000 * seconds_per_tick - 0.1);
  EXPECT_EQ(items[1]["idle_seconds"].get<double>(), 0);
}

TEST_F(Connections, AreThoseThatWereAskedFor) {
  Add(kWeb, 1, kShop, kOnB);
  Add(kDb, 2, kShop, kWeb)->state = ConnectionState::kClosing;
  Add(kDb, 3, kDns, kOnB);
  Add(kOnC, 4, kDns, kDb)->state = ConnectionState::kClosing;
  EXPECT_THAT(ClientPorts({}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ClientPorts({{"pod", "default/web"}}), ElementsAre(1, 2));
  EXPECT_THAT(ClientPorts({{"pod", "default/db"}}), ElementsAre(2, 3, 4));
  EXPECT_THAT(ClientPorts({{"address", kOnB.ToString()}}), ElementsAre(1, 3));
  EXPECT_THAT(ClientPorts({{"address", kDns.ToString()}}), ElementsAre(3, 4));
  EXPECT_THAT(ClientPorts({{"address", kOnC.ToString()}}), ElementsAre(4));
  EXPECT_THAT(ClientPorts({{"state", "closing"}}), ElementsAre(2, 4));
  EXPECT_THAT(ClientPorts({{"service", "default/shop"}}), ElementsAre(1, 2));
  EXPECT_THAT(ClientPorts({{"pod", "default/db"}, {"state", "new"}}), ElementsAre(3));
  EXPECT_THAT(ClientPorts({{"state", "closed"}}), IsEmpty());
  EXPECT_EQ(Answer({{"pod", "default/x"}}), "there is no pod default/x on this node");
  EXPECT_EQ(Answer({{"service", "default/x"}}), "there is no service default/x");
  Add(kDb, 5, kExternal, kWeb);
  EXPECT_THAT(ClientPorts({{"service", "default/shop"}}), ElementsAre(1, 2, 5));
}

TEST_F(Connections, AffinityIsToldOnlyIfAskedFor) {
  Add(kWeb, 0, kShop, kDb, ConnectionKind::kAffinity);
  Add(kWeb, 1, kShop, kDb);
  EXPECT_THAT(ClientPorts({}), ElementsAre(1));
  const Json items = Answer({{"state", "affinity"}})["items"];
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0]["state"], "affinity");
  EXPECT_FALSE(items[0]["client"].contains("port"));
}

TEST_F(Connections, AreListedSomeAtATime) {
  for (uint16_t port = 1; port <= 5; ++port) Add(kWeb, port, kShop, kDb);
  Json page = Answer({{"limit", "2"}});
  EXPECT_THAT(page["items"], SizeIs(2));
  EXPECT_EQ(page["in_use"], 5);
  std::vector<int> ports;
  for (int pages = 0; pages < 5 && !page["next"].is_null(); ++pages) {
    const std::string start = page["next"].dump();
    page = Answer({{"limit", "2"}, {"start", start}});
    for (const Json& item : page["items"]) ports.push_back(item["client"]["port"]);
  }
  EXPECT_THAT(ports, ElementsAre(3, 4, 5));
  EXPECT_THAT(Answer({{"start", "4000000000"}})["items"], IsEmpty());
  EXPECT_EQ(Answer({{"start", "4000000000"}})["next"], nullptr);
}

// The control thread has other duties.
TEST_F(Connections, ALongListTakesSeveralSteps) {
  for (uint16_t port = 1; port <= kMany; ++port) Add(kWeb, port, kShop, kDb);
  EXPECT_THAT(Answer({{"limit", "10000"}})["items"], SizeIs(kMany));
  EXPECT_GT(steps_, 1);
  EXPECT_THAT(Answer({{"limit", "10"}})["items"], SizeIs(10));
  EXPECT_EQ(steps_, 1);
}

}  // namespace
}  // namespace podwarp::test
