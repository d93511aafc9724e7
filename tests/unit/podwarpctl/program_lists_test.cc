// Commands that look: each once as a table and once as JSON.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::SizeIs;
using testing::StartsWith;

class Lists : public ProgramTest {
 protected:
  std::vector<std::string> LinesOf(const std::vector<std::string>& arguments) const {
    return absl::StrSplit(OutputOf(arguments), '\n', absl::SkipEmpty());
  }
};

Json Pod(const std::string& key) {
  return {{"key", key},
          {"origin", "api"},
          {"object",
           {{"name", key.substr(key.find('/') + 1)},
            {"mac", "02:00:00:00:00:01"},
            {"addresses", {"10.244.1.10", "10.244.1.11"}},
            {"port", {{"vhost_user", {{"socket", "/s"}, {"mode", "client"}}}}}}},
          {"status",
           {{"up", false},
            {"why_down", "nobody listens on /s"},
            {"conflicts", 2},
            {"seconds_since_seen", 61},
            {"received_frames", 1234567},
            {"transmitted_frames", 5},
            {"dropped_frames", 10},
            {"drops", {{"no_route", 3}, {"spoofed_ip", 7}}}}}};
}

TEST_F(Lists, Pods) {
  const Json pod = Pod("default/vm-1");
  Json web = Pod("default/web-1");
  web["origin"] = "file";
  web["object"]["port"] = {{"tap", {{"interface", "eth0"}}}};
  web["status"] = {{"up", true}, {"conflicts", 0}};
  api_.On("GET /v1/pods?limit=10000", Page({pod, web}));
  EXPECT_THAT(
      LinesOf({"pods"}),
      ElementsAre("POD            ADDRESSES                MAC                PORT               "
                  "FROM   RECEIVED  SENT  DROPPED  MOSTLY FOR  CONFLICTS       SEEN  "
                  "STATE",
                  "default/vm-1   10.244.1.10,10.244.1.11  02:00:00:00:00:01  vhost-user client  "
                  "api   1,234,567     5       10  spoofed_ip          2  1 min 1 s  down: nobody "
                  "listens on /s",
                  "default/web-1  10.244.1.10,10.244.1.11  02:00:00:00:00:01  tap eth0           "
                  "file          -     -        -  -                   0          -  up"));
  EXPECT_EQ(JsonOf({"pods"}), Json::array({pod, web}));
}

TEST_F(Lists, AreFollowedToTheEnd) {
  api_.On("GET /v1/pods?limit=10000", Page({Pod("default/a"), Pod("default/b")}, "default/b"));
  api_.On("GET /v1/pods?limit=10000&after=default%2Fb", Page({Pod("default/c")}));
  EXPECT_THAT(LinesOf({"pods"}), ElementsAre(StartsWith("POD "), StartsWith("default/a "),
                                             StartsWith("default/b "), StartsWith("default/c ")));
  EXPECT_THAT(JsonOf({"pods"}), SizeIs(3));
}

TEST_F(Lists, ThatDontGoOnEnd) {
  const Json page = Page({Pod("default/a")}, "default/a");
  api_.On("GET /v1/pods?limit=10000", page);
  api_.On("GET /v1/pods?limit=10000&after=default%2Fa", page);
  const Ended ended = Run({"pods"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("doesn't go on"));
}

TEST_F(Lists, AnErrorOnTheWayIsTold) {
  api_.On("GET /v1/pods?limit=10000", Page({Pod("default/a")}, "default/a"));
  api_.OnText("GET /v1/pods?limit=10000&after=default%2Fa", 503,
              R"({"error":{"code":"unavailable","message":"podwarp is stopping"}})");
  const Ended ended = Run({"pods", "-o", "json"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err, "podwarpctl: podwarp is stopping\n");
  EXPECT_FALSE(Json::accept(ended.out)) << "half a list must not look like a whole one";
}

TEST_F(Lists, ThatAreEmpty) {
  api_.On("GET /v1/routes?limit=10000", Page({}));
  EXPECT_EQ(OutputOf({"routes"}), "PREFIX  NODE  FROM  STATE\n");
  EXPECT_EQ(OutputOf({"routes", "-o", "json"}), "[]\n");
}

TEST_F(Lists, Nodes) {
  const Json node = {
      {"key", "node-b"},
      {"origin", "file"},
      {"object",
       {{"name", "node-b"},
        {"underlay_address", "192.168.50.2"},
        {"uplink", "uplink0"},
        {"pod_ranges", {"10.244.2.0/24"}}}},
      {"status", {{"why_no_mac", "nobody has answered"}, {"neighbor_state", "silent"}}}};
  api_.On("GET /v1/nodes?limit=10000", Page({node}));
  EXPECT_THAT(LinesOf({"nodes"}),
              ElementsAre("NODE    POD RANGES     UNDERLAY      UPLINK   MAC  FROM  STATE",
                          "node-b  10.244.2.0/24  192.168.50.2  uplink0  -    file  silent: nobody "
                          "has answered"));
  EXPECT_EQ(JsonOf({"nodes"}), Json::array({node}));
}

TEST_F(Lists, Routes) {
  const Json route = {{"key", "10.1.2.3/32"},
                      {"origin", "api"},
                      {"object", {{"prefix", "10.1.2.3/32"}, {"node", "node-b"}}},
                      {"status", {{"shadowed", "the file has this route"}}}};
  api_.On("GET /v1/routes?limit=10000", Page({route}));
  EXPECT_THAT(LinesOf({"routes"}),
              ElementsAre("PREFIX       NODE    FROM  STATE",
                          "10.1.2.3/32  node-b  api   hidden: the file has this route"));
  EXPECT_EQ(JsonOf({"routes"}), Json::array({route}));
}

TEST_F(Lists, Arp) {
  const Json known = {{"address", "10.244.1.10"},
                      {"owner", "pod default/web-1"},
                      {"kind", "pod"},
                      {"answered", true},
                      {"answered_with", "02:00:00:00:00:0a"},
                      {"next_hop_mac", "02:00:00:00:00:01"},
                      {"next_hop_port", "default/web-1"}};
  const Json free = {{"address", "10.244.2.0/24"}, {"kind", "none"}, {"answered", false}};
  api_.On("GET /v1/arp?limit=10000", Page({known}, 1));
  api_.On("GET /v1/arp?limit=10000&start=1", Page({free}));
  EXPECT_THAT(LinesOf({"arp"}), SizeIs(3));
  EXPECT_EQ(JsonOf({"arp"}), Json::array({known, free}));

  api_.On("GET /v1/arp?address=10.244.1.10", known);
  EXPECT_THAT(LinesOf({"arp", "10.244.1.10"}),
              ElementsAre("ADDRESS      OWNER              KIND  ANSWERED WITH      NEXT HOP       "
                          "    PORT",
                          "10.244.1.10  pod default/web-1  pod   02:00:00:00:00:0a  "
                          "02:00:00:00:00:01  default/web-1"));
  EXPECT_EQ(JsonOf({"arp", "10.244.1.10"}), known);
}

Json Service(const std::string& key) {
  return {{"key", key},
          {"origin", "api"},
          {"object",
           {{"name", "web"},
            {"address", "10.96.0.10"},
            {"session_affinity", "3h"},
            {"external_addresses", {"203.0.113.10", "203.0.113.11"}},
            {"ports",
             {{{"name", "http"},
               {"protocol", "tcp"},
               {"port", 80},
               {"node_port", 30080},
               {"backends",
                {{{"address", "10.244.1.10"}, {"port", 80}, {"state", "ready"}},
                 {{"address", "10.244.1.11"}, {"port", 80}, {"state", "terminating"}}}}},
              {{"protocol", "udp"}, {"port", 53}, {"backends", Json::array()}}}}}},
          {"status", Json::object()}};
}

TEST_F(Lists, Services) {
  const Json service = Service("default/web");
  Json plain = Service("shop/cart");
  plain["object"]["ports"].erase(0);
  plain["object"]["external_addresses"] = Json::array();
  api_.On("GET /v1/services?limit=10000", Page({service, plain}));
  EXPECT_THAT(LinesOf({"services"}),
              ElementsAre("SERVICE      ADDRESS     EXTERNAL                   PORTS               "
                          "NODE PORTS  READY/ALL  AFFINITY  FROM  STATE",
                          "default/web  10.96.0.10  203.0.113.10,203.0.113.11  http:80/tcp,53/udp  "
                          "30080,-     1/2,0/0    3h        api   -",
                          "shop/cart    10.96.0.10  -                          53/udp              "
                          "-           0/0        3h        api   -"));
  EXPECT_EQ(JsonOf({"services"}), Json::array({service, plain}));
}

Json ConnectionOf(const std::string& client) {
  return {{"protocol", "tcp"},
          {"client", {{"address", client}, {"port", 40000}, {"pod", "default/web-1"}}},
          {"service", {{"address", "10.96.0.10"}, {"port", 80}, {"name", "default/web:http"}}},
          {"backend", {{"address", "10.244.2.10"}, {"port", 8080}}},
          {"state", "established"},
          {"idle_seconds", 61.5}};
}

TEST_F(Lists, Connections) {
  const Json a = ConnectionOf("10.244.1.10");
  const Json b = ConnectionOf("10.244.1.11");
  api_.On("GET /v1/connections?limit=1001", Page({a}, 17));
  api_.On("GET /v1/connections?limit=1001&start=17", Page({b}));
  EXPECT_THAT(
      LinesOf({"connections"}),
      ElementsAre("PROTOCOL  CLIENT             CLIENT POD     SERVICE        NAME              "
                  "BACKEND           BACKEND POD  STATE             IDLE",
                  "tcp       10.244.1.10:40000  default/web-1  10.96.0.10:80  default/web:http  "
                  "10.244.2.10:8080  -            established  1 min 1 s",
                  "tcp       10.244.1.11:40000  default/web-1  10.96.0.10:80  default/web:http  "
                  "10.244.2.10:8080  -            established  1 min 1 s"));
  EXPECT_EQ(JsonOf({"connections"}), Json::array({a, b}));
}

TEST_F(Lists, ConnectionsThatAreAskedFor) {
  const Json affinity = {{"protocol", "udp"},
                         {"client", {{"address", "10.244.1.10"}}},
                         {"service", {{"address", "10.96.0.10"}, {"port", 53}}},
                         {"backend", {{"address", "10.244.2.10"}, {"port", 53}}},
                         {"state", "affinity"},
                         {"idle_seconds", 0}};
  api_.On(
      "GET /v1/connections?limit=1001&pod=default%2Fweb-1&service=shop%2Fcart"
      "&address=10.244.1.10&state=affinity",
      Page({affinity}));
  EXPECT_THAT(LinesOf({"connections", "--pod", "web-1", "--service", "shop/cart", "--address",
                       "10.244.1.10", "--state", "affinity"}),
              ElementsAre(StartsWith("PROTOCOL"), StartsWith("udp       10.244.1.10  -     ")));
}

TEST_F(Lists, ConnectionsAreBoundedAndThatIsTold) {
  api_.On("GET /v1/connections?limit=3",
          Page({ConnectionOf("10.244.1.10"), ConnectionOf("10.244.1.11")}, 5));
  api_.On("GET /v1/connections?limit=3&start=5", Page({ConnectionOf("10.244.1.12")}, 9));
  const Ended table = Run({"connections", "--limit", "2"});
  EXPECT_EQ(table.status, 0);
  const std::vector<std::string> lines = absl::StrSplit(table.out, '\n', absl::SkipEmpty());
  EXPECT_THAT(lines, SizeIs(3));
  EXPECT_EQ(table.err, "podwarpctl: note: there are more than these 2\n");
  const Ended json = Run({"connections", "--limit", "2", "-o", "json"});
  EXPECT_THAT(Json::parse(json.out, nullptr, false), SizeIs(2));
  EXPECT_EQ(json.err, "podwarpctl: note: there are more than these 2\n");
  EXPECT_EQ(Run({"connections", "--limit", "0"}).status, 2);
}

Json PortItem(uint64_t received) {
  return {{"name", "uplink0"},
          {"role", "uplink"},
          {"driver", "net_af_packet"},
          {"up", false},
          {"why_down", "eth1 has no carrier"},
          {"mtu_bytes", 1500},
          {"vlan_id", 100},
          {"speed_mbps", 10000},
          {"receive_queues", 1},
          {"received_frames", received},
          {"received_bytes", 64 * received},
          {"transmitted_frames", 0},
          {"transmitted_bytes", 0},
          {"dropped_frames", 3},
          {"device_receive_missed", 1000},
          {"device_receive_errors", 200},
          {"device_receive_no_buffer", 30},
          {"device_transmit_errors", 4}};
}

Json WorkerItem(uint64_t received) {
  return {{"lcore", 1},
          {"queues", 2},
          {"busy_percent", 12.34},
          {"received_frames", received},
          {"transmitted_frames", 0},
          {"dropped_frames", 0},
          {"cycles_busy", received},
          {"cycles_total", 4 * received},
          {"cycles_per_frame", 80},
          {"sleeps", 9},
          {"arp_answers", 8},
          {"icmp_errors", 7},
          {"events_lost", 6}};
}

TEST_F(Lists, Ports) {
  api_.On("GET /v1/ports", Page({PortItem(1234)}));
  EXPECT_THAT(
      LinesOf({"ports"}),
      ElementsAre("PORT     ROLE    DRIVER          MTU  VLAN        SPEED  QUEUES  RECEIVED  SENT "
                  " DROPPED  MOSTLY FOR   LOST  STATE",
                  "uplink0  uplink  net_af_packet  1500   100  10.0 Gbit/s       1     1,234     0 "
                  "       3  -           1,234  down: eth1 has no carrier"));
  EXPECT_EQ(JsonOf({"ports"}), Json::array({PortItem(1234)}));
}

TEST_F(Lists, Workers) {
  api_.On("GET /v1/workers", Page({WorkerItem(5000)}));
  EXPECT_THAT(LinesOf({"workers"}),
              ElementsAre("LCORE  QUEUES    BUSY  RECEIVED  SENT  DROPPED  CYCLES/FRAME  SLEEPS  "
                          "ARP ANSWERS  ICMP ERRORS  EVENTS LOST",
                          "    1       2  12.3 %     5,000     0        0            80       9  "
                          "          8            7            6"));
  EXPECT_EQ(JsonOf({"workers"}), Json::array({WorkerItem(5000)}));
}

TEST_F(Lists, Drops) {
  const Json some = {{"name", "no_route"},
                     {"help", "no route to the destination"},
                     {"frames", 1234},
                     {"last_ports", {"default/a", "uplink0"}},
                     {"last_pods", {"default/a"}}};
  const Json none = {{"name", "port_down"},
                     {"help", "the next hop's port is down"},
                     {"frames", 0},
                     {"last_ports", Json::array()},
                     {"last_pods", Json::array()}};
  api_.On("GET /v1/drops", Page({none, some}));
  EXPECT_THAT(LinesOf({"drops"}),
              ElementsAre("REASON    FRAMES  LAST PORTS         LAST PODS  MEANING",
                          "no_route   1,234  default/a,uplink0  default/a  no route to the "
                          "destination"));
  EXPECT_THAT(LinesOf({"drops", "--all"}), SizeIs(3));
  EXPECT_EQ(JsonOf({"drops"}), Json::array({some}));
  EXPECT_EQ(JsonOf({"drops", "--all"}), Json::array({none, some}));
}

TEST_F(Lists, Stages) {
  const Json route = {{"name", "route"},
                      {"help", "finds the next hop"},
                      {"bursts", 2},
                      {"frames", 5000},
                      {"cycles", 70000},
                      {"cycles_per_frame", 14},
                      {"frames_per_burst", 31.25}};
  api_.On("GET /v1/stages", Page({route}));
  EXPECT_THAT(LinesOf({"stages"}),
              ElementsAre("STAGE  FRAMES  FRAMES/BURST  CYCLES/FRAME  WHAT IT DOES",
                          "route   5,000          31.2          14.0  finds the next hop"));
  api_.On("GET /v1/stages?lcore=2", Page({}));
  EXPECT_EQ(JsonOf({"stages"}), Json::array({route}));
  EXPECT_EQ(JsonOf({"stages", "--lcore", "2"}), Json::array());
}

TEST_F(Lists, Latency) {
  const Json measured = {{"samples", 1234},   {"p50_us", 1.5},    {"p90_us", 2},    {"p99_us", 30},
                         {"p999_us", 400.25}, {"max_us", 5000.5}, {"mean_us", 1.75}};
  Json one = {{"lcore", 1}}, idle = {{"lcore", 2}, {"samples", 0}};
  one.update(measured);
  const Json report = {{"items", {one, idle}}, {"all", measured}};
  api_.On("GET /v1/latency", report);
  EXPECT_THAT(
      LinesOf({"latency"}),
      ElementsAre("LCORE  SAMPLES     MEAN     50 %     90 %      99 %     99.9 %        MOST",
                  "    1    1,234  1.75 us  1.50 us  2.00 us  30.00 us  400.25 us  5000.50 us",
                  "    2        0        -        -        -         -          -           -",
                  "  all    1,234  1.75 us  1.50 us  2.00 us  30.00 us  400.25 us  5000.50 us"));
  EXPECT_EQ(JsonOf({"latency"}), report);
  api_.On("GET /v1/latency", {{"items", {one}}, {"all", measured}});
  EXPECT_THAT(LinesOf({"latency"}), SizeIs(2));
}

TEST_F(Lists, Top) {
  const auto items = [](const Json& item) { return Page({item}).dump(); };
  api_.On("GET /v1/status", {{"node", "node-a"}, {"ready", true}});
  api_.On("GET /v1/drops", Page({}));
  const auto begin = [&] {
    api_.OnInTurn("GET /v1/ports", {items(PortItem(0)), items(PortItem(1'000'000))});
    api_.OnInTurn("GET /v1/workers", {items(WorkerItem(0)), items(WorkerItem(1'000'000))});
  };
  begin();
  const std::vector<std::string> lines = LinesOf({"top", "--once", "--interval", "0.1"});
  EXPECT_THAT(lines[0], StartsWith("podwarp node-a "));
  EXPECT_THAT(lines, testing::Contains(HasSubstr("25.0 %")));
  EXPECT_THAT(lines, testing::Contains(testing::AllOf(StartsWith("uplink0 "), HasSubstr("down:"))));
  EXPECT_THAT(absl::StrCat(lines[0], lines[1]), testing::Not(HasSubstr("\033")));
  begin();
  const Json rates = JsonOf({"top", "--once", "--interval", "0.1"});
  // It took 0.1 s or longer.
  EXPECT_GT(rates["ports"][0]["per_second"]["received_frames"], 0);
  EXPECT_LE(rates["ports"][0]["per_second"]["received_frames"], 10'000'000);
  EXPECT_EQ(rates["workers"][0]["busy_percent"], 25);
}

TEST_F(Lists, TopOfAView) {
  api_.On("GET /v1/status", {{"node", "node-a"}, {"ready", true}});
  api_.On("GET /v1/drops", Page({}));
  api_.On("GET /v1/workers", Page({}));
  const auto pod = [](const std::string& name, uint64_t frames) {
    return Json{{"key", name},
                {"object", {{"name", "a"}}},
                {"status",
                 {{"up", true},
                  {"received_frames", frames},
                  {"dropped_frames", frames},
                  {"drops", {{"spoofed_ip", frames}}}}}};
  };
  const auto begin = [&] {
    api_.OnInTurn("GET /v1/pods?limit=1000", {Page({pod("default/a", 0)}, "default/a").dump(),
                                              Page({pod("default/a", 9000)}, "default/a").dump()});
    api_.On("GET /v1/pods?limit=1000&after=default%2Fa", Page({pod("default/b", 0)}));
  };
  begin();
  const std::vector<std::string> lines =
      LinesOf({"top", "--view", "pods", "-n", "1", "--interval", "0.1"});
  ASSERT_THAT(lines, SizeIs(6));
  EXPECT_EQ(lines[2], "2 pods, most frames first");
  EXPECT_THAT(lines[4], testing::AllOf(StartsWith("default/a "), HasSubstr(" spoofed_ip  up")));
  EXPECT_THAT(lines[5], StartsWith("default/b  "));
  begin();
  const Json rates = JsonOf({"top", "--view", "pods", "--once", "--interval", "0.1"});
  EXPECT_EQ(rates["pods"][0]["mostly_dropped"], "spoofed_ip");
  EXPECT_FALSE(rates.contains("ports"));
  const std::string twice =
      OutputOf({"top", "-n", "2", "--interval", "0.05", "--view", "drops", "-o", "json"});
  EXPECT_EQ(std::count(twice.begin(), twice.end(), '\n'), 2) << twice;
  EXPECT_EQ(Run({"top", "--view", "nothing"}).status, 2);
}

TEST_F(Lists, Ready) {
  const Json yes = {{"ready", true}};
  api_.On("GET /readyz", yes);
  EXPECT_EQ(OutputOf({"ready"}), "ready\n");
  EXPECT_EQ(JsonOf({"ready"}), yes);
  api_.OnText("GET /readyz", 503,
              R"({"error":{"code":"unavailable","message":"the node is not ready"}})");
  const Ended no = Run({"ready"});
  EXPECT_EQ(no.status, 1);
  EXPECT_EQ(no.out, "");
  EXPECT_EQ(no.err, "podwarpctl: the node is not ready\n");
}

TEST_F(Lists, TopNeedsATerminal) {
  api_.On("GET /v1/status", Json::object());
  for (const std::string report : {"ports", "workers", "drops"}) {
    api_.On("GET /v1/" + report, Page({}));
  }
  const Ended ended = Run({"top"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("top: this needs a terminal; --once prints one screen"));
}

TEST_F(Lists, Status) {
  const Json status = {{"ready", true},
                       {"node", "node-a"},
                       {"version", "9.8.7"},
                       {"dpdk", "DPDK 22.11.11"},
                       {"pid", 4711},
                       {"virtual_mac", "02-00-00-00-00-0a"},
                       {"gateway", "10.244.1.1"},
                       {"hairpin_mode", "none"},
                       {"uptime_seconds", 3600},
                       {"file_prefix", "podwarp-node-a"},
                       {"config_file", "/etc/podwarp/node.yaml"},
                       {"state_file", "/var/lib/podwarp/state.db"},
                       {"notes", {"a damaged file was set aside"}},
                       {"workers", 1},
                       {"ports", {{"total", 5}, {"up", 4}}},
                       {"pods", {{"total", 3}, {"up", 2}}},
                       {"nodes", {{"total", 1}, {"resolved", 1}}},
                       {"routes", 1000000},
                       {"services", 2000},
                       {"received_frames", 1234},
                       {"transmitted_frames", 1200},
                       {"dropped_frames", 34},
                       {"busy_percent", 1.25}};
  api_.On("GET /v1/status", status);
  EXPECT_THAT(LinesOf({"status"}),
              ElementsAre("node           node-a, ready",
                          "podwarp        9.8.7, DPDK 22.11.11, process 4711, up 1 h 0 min",
                          "virtual MAC    02-00-00-00-00-0a",  //
                          "gateway        10.244.1.1",         //
                          "hairpin mode   none",               //
                          "workers        1, 1.2 % busy",      //
                          "ports          4 of 5 up",          //
                          "pods           2 of 3 up",          //
                          "nodes          1 of 1 resolved",    //
                          "routes         1,000,000", "services       2,000",
                          "frames         1,234 received, 1,200 sent, 34 dropped",
                          "file prefix    podwarp-node-a", "configuration  /etc/podwarp/node.yaml",
                          "state          /var/lib/podwarp/state.db",
                          "               a damaged file was set aside"));
  EXPECT_EQ(JsonOf({"status"}), status);
  EXPECT_THAT(LinesOf({"version"}),
              ElementsAre("podwarpctl " PODWARP_VERSION, "podwarp    9.8.7, DPDK 22.11.11"));
  EXPECT_EQ(
      JsonOf({"version"}),
      (Json{{"podwarpctl", PODWARP_VERSION}, {"podwarp", "9.8.7"}, {"dpdk", "DPDK 22.11.11"}}));
}

TEST_F(Lists, StatusSaysHowItStandsWithKubernetes) {
  const Json services = {{"name", "services"},
                         {"synced", false},
                         {"connected", false},
                         {"objects", 0},
                         {"last_error", "connection refused"}};
  const Json pods = {{"name", "pods"},
                     {"synced", true},
                     {"connected", false},
                     {"objects", 1200},
                     {"seconds_since_contact", 75}};
  api_.On("GET /v1/status", {{"node", "node-a"},
                             {"ready", false},
                             {"kubernetes",
                              {{"summary", "waits for the first lists"},
                               {"resources", {pods, services}},
                               {"notes", {"nodes a and b have one virtual MAC"}}}}});
  EXPECT_THAT(
      LinesOf({"status"}),
      IsSupersetOf({"node           node-a, not ready", "kubernetes     waits for the first lists",
                    "               pods: 1,200, last heard of 1 min 15 s ago",
                    "               services: not known yet: connection refused",
                    "               nodes a and b have one virtual MAC"}));
}

TEST_F(Lists, EndWhenNobodyReadsOn) {
  // The list has no end: the second page leads to the third, and that to the second.
  const std::vector<Json> items(200, Pod("default/" + std::string(63, 'x')));
  api_.On("GET /v1/pods?limit=10000", Page(items, "default/1"));
  api_.On("GET /v1/pods?limit=10000&after=default%2F1", Page(items, "default/2"));
  api_.On("GET /v1/pods?limit=10000&after=default%2F2", Page(items, "default/1"));
  const std::string command = absl::StrCat(PODWARPCTL, " --socket ", socket(), " pods | head -n 1");
  FILE* const pipe = popen(command.c_str(), "re");
  ASSERT_NE(pipe, nullptr);
  char line[256] = {};
  EXPECT_NE(fgets(line, sizeof(line), pipe), nullptr);
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_THAT(line, StartsWith("POD "));
}

}  // namespace
}  // namespace podwarp::ctl::test
