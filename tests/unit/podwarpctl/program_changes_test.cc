// Commands that change something, and how the program ends.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::StartsWith;

class Changes : public ProgramTest {
 protected:
  Json BodyOfFirst() const {
    const auto requests = api_.requests();
    return requests.empty() ? Json() : Json::parse(requests.front().body, nullptr, false);
  }
};

const Json kCreated = {{"created", true}, {"changed", {"addresses", "port"}}};

TEST_F(Changes, PodAddWithATap) {
  api_.OnText("PUT /v1/pods/default/web-1", 201, kCreated.dump());
  api_.On("GET /v1/pods/default/web-1", {{"status", {{"up", true}}}});
  EXPECT_EQ(OutputOf({"pod", "add", "web-1", "--ip", "10.244.1.10", "--tap", "eth0", "--netns",
                      "/run/netns/web-1"}),
            "pod default/web-1 created\n");
  EXPECT_EQ(BodyOfFirst(),
            (Json{{"addresses", {"10.244.1.10"}},
                  {"port", {{"tap", {{"interface", "eth0"}, {"netns", "/run/netns/web-1"}}}}}}));
  const FakeApi::Request request = api_.requests().front();
  EXPECT_EQ(request.type, "application/json");
  EXPECT_EQ(request.host, "podwarp");
}

TEST_F(Changes, PodAddWithVhostUser) {
  api_.On("PUT /v1/pods/machines/vm-1", kCreated);
  EXPECT_EQ(JsonOf({"pod", "add", "machines/vm-1", "--ip", "10.244.1.11,10.244.1.12", "--mac",
                    "02:00:00:00:00:01", "--mtu", "9000", "--vhost-user", "/run/vm.sock", "--mode",
                    "server", "--queues", "4"}),
            kCreated);
  EXPECT_EQ(
      BodyOfFirst(),
      (Json{{"addresses", {"10.244.1.11", "10.244.1.12"}},
            {"mac", "02:00:00:00:00:01"},
            {"mtu", 9000},
            {"port",
             {{"vhost_user", {{"socket", "/run/vm.sock"}, {"mode", "server"}, {"queues", 4}}}}}}));
}

TEST_F(Changes, PodAddWithADevice) {
  api_.On("PUT /v1/pods/default/fw", {{"created", false}, {"changed", {"mac", "port"}}});
  EXPECT_EQ(OutputOf({"pod", "add", "fw", "--vdev", "net_memif0,role=server", "--ip", "10.0.0.1"}),
            "pod default/fw changed: mac,port\n");
  EXPECT_EQ(BodyOfFirst()["port"], (Json{{"vdev", "net_memif0,role=server"}}));
}

TEST_F(Changes, PodAddThatChangesNothing) {
  api_.On("PUT /v1/pods/default/fw", {{"created", false}, {"changed", Json::array()}});
  EXPECT_EQ(OutputOf({"pod", "add", "fw", "--vdev", "v", "--ip", "10.0.0.1"}),
            "pod default/fw is as it was\n");
}

TEST_F(Changes, PodAddTellsThatItIsDown) {
  api_.On("PUT /v1/pods/default/vm", kCreated);
  api_.On("GET /v1/pods/default/vm",
          {{"status", {{"up", false}, {"why_down", "nobody listens on /s"}}}});
  const Ended ended = Run({"pod", "add", "vm", "--ip", "10.0.0.1", "--vhost-user", "/s"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "pod default/vm created\n");
  EXPECT_EQ(ended.err, "podwarpctl: note: pod default/vm is down: nobody listens on /s\n");
}

TEST_F(Changes, APodHasOnePort) {
  const Ended none = Run({"pod", "add", "vm", "--ip", "10.0.0.1"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("needs a port: one of --tap, --vhost-user and --vdev; see "
                                  "`podwarpctl pod add --help`"));
  const Ended two = Run({"pod", "add", "vm", "--ip", "10.0.0.1", "--tap", "t", "--vdev", "v"});
  EXPECT_EQ(two.status, 2);
  EXPECT_THAT(two.err, HasSubstr("a pod has one port"));
  EXPECT_THAT(api_.requests(), testing::IsEmpty());
}

TEST_F(Changes, NodeAdd) {
  api_.On("PUT /v1/nodes/node-b", kCreated);
  const std::vector<std::string> command = {"node",
                                            "add",
                                            "node-b",
                                            "--pod-range",
                                            "10.244.2.0/24,10.244.3.0/24",
                                            "--mac",
                                            "00-11-22-33-44-66",
                                            "--underlay",
                                            "192.168.50.2",
                                            "--uplink",
                                            "uplink1"};
  EXPECT_EQ(OutputOf(command), "node node-b created\n");
  EXPECT_EQ(JsonOf(command), kCreated);
  EXPECT_EQ(BodyOfFirst(), (Json{{"pod_ranges", {"10.244.2.0/24", "10.244.3.0/24"}},
                                 {"virtual_mac", "00-11-22-33-44-66"},
                                 {"underlay_address", "192.168.50.2"},
                                 {"uplink", "uplink1"}}));
  const Ended without = Run({"node", "add", "node-b", "--pod-range", "10.244.2.0/24"});
  EXPECT_EQ(without.status, 2);
  EXPECT_THAT(without.err, HasSubstr("the node needs --mac, or --underlay"));
}

TEST_F(Changes, ServiceAdd) {
  api_.On("PUT /v1/services/default/web", kCreated);
  EXPECT_EQ(OutputOf({"service", "add", "web", "--ip", "10.96.0.10", "--port", "80/udp",
                      "--backend", "10.244.1.10:8080,10.244.2.10", "--affinity", "3h"}),
            "service default/web created\n");
  EXPECT_EQ(
      BodyOfFirst(),
      (Json{{"address", "10.96.0.10"},
            {"session_affinity", "3h"},
            {"ports",
             {{{"port", 80},
               {"protocol", "udp"},
               {"backends",
                {{{"address", "10.244.1.10"}, {"port", 8080}}, {{"address", "10.244.2.10"}}}}}}}}));
  for (const char* wrong : {"http", "80tcp", ""}) {
    const Ended ended = Run({"service", "add", "web", "--ip", "10.96.0.10", "--port", wrong});
    EXPECT_EQ(ended.status, 2) << wrong;
  }
}

TEST_F(Changes, ServiceAddForCallersFromTheWire) {
  api_.On("PUT /v1/services/default/web", kCreated);
  EXPECT_EQ(OutputOf({"service", "add", "web", "--ip", "10.96.0.10", "--port", "80", "--node-port",
                      "30080", "--external", "203.0.113.10,203.0.113.11", "--source-range",
                      "192.0.2.0/24", "--internal-traffic", "local", "--external-traffic",
                      "cluster", "--backend", "10.244.1.10:8080@node-a,10.244.2.10@node-b"}),
            "service default/web created\n");
  EXPECT_EQ(BodyOfFirst(), Json::parse(R"({"address": "10.96.0.10",
                "external_addresses": ["203.0.113.10", "203.0.113.11"],
                "source_ranges": ["192.0.2.0/24"],
                "internal_traffic": "local", "external_traffic": "cluster",
                "ports": [{"port": 80, "node_port": 30080, "backends": [
                    {"address": "10.244.1.10", "port": 8080, "node": "node-a"},
                    {"address": "10.244.2.10", "node": "node-b"}]}]})"));
  const Ended unneeded = Run({"service", "add", "web", "--ip", "10.96.0.10", "--port", "80",
                              "--source-range", "192.0.2.0/24"});
  EXPECT_EQ(unneeded.status, 2);
  EXPECT_THAT(unneeded.err, HasSubstr("--external"));
}

TEST_F(Changes, ServiceDel) {
  api_.On("DELETE /v1/services/shop/cart", {{"deleted", true}});
  EXPECT_EQ(OutputOf({"service", "del", "shop/cart"}), "service shop/cart deleted\n");
}

TEST_F(Changes, RouteAdd) {
  api_.On("PUT /v1/routes/10.1.2.3%2F32", kCreated);
  EXPECT_EQ(OutputOf({"route", "add", "10.1.2.3/32", "node-b"}), "route 10.1.2.3/32 created\n");
  EXPECT_EQ(BodyOfFirst(), (Json{{"node", "node-b"}}));
  EXPECT_EQ(JsonOf({"route", "add", "10.1.2.3/32", "node-b"}), kCreated);
}

TEST_F(Changes, Deletions) {
  const Json deleted = {{"deleted", true}};
  api_.On("DELETE /v1/pods/default/web-1", deleted);
  api_.On("DELETE /v1/nodes/node-b", deleted);
  api_.On("DELETE /v1/routes/10.1.2.0%2F24", deleted);
  EXPECT_EQ(OutputOf({"pod", "del", "web-1"}), "pod default/web-1 deleted\n");
  EXPECT_EQ(JsonOf({"pod", "del", "default/web-1"}), deleted);
  EXPECT_EQ(OutputOf({"node", "del", "node-b"}), "node node-b deleted\n");
  EXPECT_EQ(JsonOf({"node", "del", "node-b"}), deleted);
  EXPECT_EQ(OutputOf({"route", "del", "10.1.2.0/24"}), "route 10.1.2.0/24 deleted\n");
  EXPECT_EQ(JsonOf({"route", "del", "10.1.2.0/24"}), deleted);
}

TEST_F(Changes, TheApisNoIsTold) {
  api_.OnText("DELETE /v1/pods/default/web-1", 409,
              R"({"error":{"code":"failed_precondition","object":"pod default/web-1",)"
              R"("message":"pod default/web-1 comes from the configuration file; change it )"
              R"(there"}})");
  const Ended ended = Run({"pod", "del", "web-1"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err,
            "podwarpctl: pod default/web-1 comes from the configuration file; change it there\n");
}

TEST_F(Changes, SeveralFaultsStandOnLinesOfTheirOwn) {
  api_.OnText("PUT /v1/pods/default/x", 400,
              R"({"error":{"code":"invalid_argument","message":"mac: no\nmtu: no"}})");
  const Ended ended = Run({"pod", "add", "x", "--ip", "1.2.3.4", "--tap", "t"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err, "podwarpctl: mac: no\npodwarpctl: mtu: no\n");
}

TEST_F(Changes, AnswersThatMakeNoSenseAreTold) {
  api_.OnText("GET /v1/status", 200, "<html>");
  EXPECT_THAT(Run({"status"}).err, HasSubstr("is not podwarp: it says no JSON"));
  api_.OnText("GET /v1/status", 502, "<html>");
  const Ended ended = Run({"status"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("HTTP status 502"));
  api_.OnText("GET /v1/ports", 200, "[]");
  EXPECT_THAT(Run({"ports"}).err, HasSubstr("is no list"));
}

constexpr char kLines[] = "{\"op\":\"delete\",\"kind\":\"pod\",\"key\":\"default/a\"}\n";

TEST_F(Changes, ApplyAFile) {
  const Json result = {{"applied", 1000}, {"failed", 0}, {"errors", Json::array()}};
  api_.On("POST /v1/bulk", result);
  const std::string file = folder_.Write("/changes.jsonl", kLines);
  EXPECT_EQ(OutputOf({"apply", file}), "1,000 changes applied\n");
  EXPECT_THAT(api_.requests(),
              ElementsAre(testing::AllOf(Field(&FakeApi::Request::body, kLines),
                                         Field(&FakeApi::Request::type, "application/x-ndjson"))));
  EXPECT_EQ(JsonOf({"apply", file}), result);
}

TEST_F(Changes, ApplyMuchFromTheStandardInput) {
  api_.On("POST /v1/bulk", {{"applied", 1}, {"failed", 0}, {"errors", Json::array()}});
  std::string lines;
  while (lines.size() < 1'000'000) lines += kLines;
  const Ended ended = Run({"apply", "-"}, lines);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.out, "1 change applied\n");
  ASSERT_FALSE(api_.requests().empty());
  EXPECT_TRUE(api_.requests().front().body == lines);
  EXPECT_EQ(Run({"apply", "-"}).status, 0) << "nothing at all";
}

TEST_F(Changes, ApplyTellsWhichLinesFailed) {
  api_.On("POST /v1/bulk", {{"applied", 1},
                            {"failed", 3},
                            {"errors",
                             {{{"line", 2}, {"code", "invalid_argument"}, {"message", "no JSON"}},
                              {{"line", 7},
                               {"code", "not_found"},
                               {"object", "pod default/a"},
                               {"message", "there is no pod default/a"}}}}});
  const std::string file = folder_.Write("/changes.jsonl", kLines);
  const Ended ended = Run({"apply", file});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "1 change applied\n");
  EXPECT_EQ(ended.err, absl::StrCat("podwarpctl: 3 lines of ", file, " failed:\npodwarpctl: ", file,
                                    ":2: no JSON\npodwarpctl: ", file,
                                    ":7: pod default/a: there is no pod default/a\n"
                                    "podwarpctl: and 1 other\n"));
}

TEST_F(Changes, ApplyWhatIsNoFile) {
  for (const std::string file : {"/no/such/file", "/tmp"}) {
    const Ended ended = Run({"apply", file});
    EXPECT_EQ(ended.status, 2);
    EXPECT_THAT(ended.err, StartsWith("podwarpctl: apply: " + file + " can't be read; see "));
  }
  EXPECT_THAT(api_.requests(), testing::IsEmpty());
}

TEST_F(Changes, Reload) {
  const Json reloaded = {{"changes", 3}, {"failed", Json::array()}};
  api_.On("POST /v1/reload", reloaded);
  EXPECT_EQ(OutputOf({"reload"}), "3 changes\n");
  EXPECT_EQ(JsonOf({"reload"}), reloaded);
  EXPECT_EQ(api_.requests().front().body, "");
}

TEST_F(Changes, ReloadTellsWhatFailed) {
  api_.On("POST /v1/reload", {{"changes", 1}, {"failed", {"pod default/x comes: no memory"}}});
  const Ended some = Run({"reload"});
  EXPECT_EQ(some.status, 1);
  EXPECT_EQ(some.out, "1 change\n");
  EXPECT_THAT(some.err, HasSubstr("podwarpctl: pod default/x comes: no memory\n"));
  api_.OnText("POST /v1/reload", 400,
              R"({"error":{"code":"invalid_argument","message":"f:1: a\nf:2: b"}})");
  const Ended bad = Run({"reload"});
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.err, "podwarpctl: f:1: a\npodwarpctl: f:2: b\n");
}

// Takes each connection, reads something of it, and ends it without an answer.
class RudeServer {
 public:
  explicit RudeServer(const std::string& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    thread_ = std::thread([this] {
      for (int peer; (peer = accept(fd_, nullptr, nullptr)) >= 0; close(peer)) {
        char part[1024];
        EXPECT_GE(recv(peer, part, sizeof(part), 0), 0);
      }
    });
  }
  ~RudeServer() {
    shutdown(fd_, SHUT_RDWR);  // wakes accept()
    thread_.join();
    close(fd_);
  }
  RudeServer(const RudeServer&) = delete;
  RudeServer& operator=(const RudeServer&) = delete;

 private:
  const int fd_;
  std::thread thread_;
};

TEST(Program, SaysThatItWasLeftWithoutAnAnswer) {
  const Folder folder;
  const std::string socket = folder.path().string() + "/api.sock";
  const RudeServer server(socket);
  const Ended asked = RunProgram({"--socket", socket, "status"});
  EXPECT_EQ(asked.status, 3);
  EXPECT_THAT(asked.err, HasSubstr(absl::StrCat("podwarp at ", socket, " broke off its answer (")));
  const Ended told = RunProgram({"--socket", socket, "apply", "-"}, std::string(10 << 20, ' '));
  EXPECT_EQ(told.status, 1);
  EXPECT_THAT(told.err, HasSubstr("podwarp ended the connection before it had all of the standard "
                                  "input: there is too much of it, or too many"));
}

TEST(Program, SaysThatNobodyAnswers) {
  const Folder folder;
  const std::string socket = folder.path().string() + "/api.sock";
  const Ended missing = RunProgram({"--socket", socket, "pods"});
  EXPECT_EQ(missing.status, 3);
  EXPECT_EQ(missing.err, absl::StrCat("podwarpctl: podwarp does not answer at ", socket,
                                      ": no such file; is it running? (--socket names another)\n"));
  { const FakeApi gone(socket); }
  const Ended dead = RunProgram({"--socket", socket, "status", "-o", "json"});
  EXPECT_EQ(dead.status, 3);
  EXPECT_THAT(dead.err, HasSubstr("nobody listens there"));
  const Ended longer = RunProgram({"--socket", "/" + std::string(107, 'x'), "reload"});
  EXPECT_EQ(longer.status, 3);
  EXPECT_THAT(longer.err, HasSubstr("more than 107 bytes"));
}

TEST(Program, SaysItsOwnVersionInAnyCase) {
  const Ended table = RunProgram({"--socket", "/no/such", "version"});
  EXPECT_EQ(table.status, 3);
  EXPECT_EQ(table.out, "podwarpctl " PODWARP_VERSION "\n");
  const Ended json = RunProgram({"--socket", "/no/such", "version", "-o", "json"});
  EXPECT_EQ(json.status, 3);
  EXPECT_EQ(Json::parse(json.out, nullptr, false)["podwarp"], nullptr);
}

TEST(Program, WrongUsage) {
  const Ended ended = RunProgram({"prts"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err,
            "podwarpctl: 'prts' is no command (did you mean 'ports'?); see `podwarpctl --help`\n");
  EXPECT_EQ(RunProgram({}).status, 2);
}

TEST(Program, TellsThatItsOutputIsLost) {
  const std::string command = absl::StrCat(PODWARPCTL, " pods --help 2>&1 >/dev/full");
  FILE* const pipe = popen(command.c_str(), "re");
  ASSERT_NE(pipe, nullptr);
  char line[256] = {};
  EXPECT_NE(fgets(line, sizeof(line), pipe), nullptr);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 1);
  EXPECT_STREQ(line, "podwarpctl: the output can't be written\n");
}

TEST(Program, Help) {
  const Ended ended = RunProgram({"pod", "add", "--help"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr("--vhost-user SOCKET"));
}

}  // namespace
}  // namespace podwarp::ctl::test
