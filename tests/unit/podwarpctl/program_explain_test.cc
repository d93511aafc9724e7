// explain: what it asks the API, and how it shows the answer.
#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class Explain : public ProgramTest {
 protected:
  static Json Trace(const std::string& id, const std::string& frame, const std::string& end) {
    Json trace = {{"id", id}, {"frame", frame}, {"port", "default/web-1"}, {"end", end}};
    trace["steps"] = Json::array(
        {{{"stage", "route"}, {"verdict", "passed"}, {"microseconds", 0.1}, {"text", "is there"}},
         {{"stage", "send"}, {"verdict", end}, {"microseconds", 0.2}, {"text", "goes out"}}});
    return trace;
  }
  static Json Answer(const std::string& verdict) {
    return {{"from", "default/web-1"},
            {"to", "10.244.2.10/icmp"},
            {"verdict", verdict},
            {"summary", "leaves by uplink0 to node node-b"},
            {"arp", {Trace("0-1", "ARP who has", "sent")}},
            {"frames", {Trace("0-2", "a ping", verdict)}}};
  }
  const std::string asked_ = "/v1/explain?from=default%2Fweb-1&to=10.244.2.10";
  const std::vector<std::string> command_ = {"explain", "--from", "default/web-1", "--to",
                                             "10.244.2.10"};
};

TEST_F(Explain, SaysTheSummaryThenTheSteps) {
  api_.On("GET " + asked_, Answer("sent"));
  const Ended ended = Run(command_);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.out.substr(0, ended.out.find('\n')),
            "default/web-1 to 10.244.2.10/icmp: leaves by uplink0 to node node-b");
  EXPECT_THAT(ended.out, HasSubstr("#0-1 ARP who has\n"));
  EXPECT_THAT(ended.out, HasSubstr("  route              is there\n"));
  EXPECT_LT(ended.out.find("ARP who has"), ended.out.find("a ping"));
  EXPECT_EQ(JsonOf(command_), Answer("sent"));
}

TEST_F(Explain, TellsByItsStatusWhatWouldBeDropped) {
  api_.On("GET " + asked_, Answer("dropped"));
  const Ended dropped = Run(command_);
  EXPECT_EQ(dropped.status, 1);
  EXPECT_EQ(dropped.err, "");
  EXPECT_THAT(dropped.out, HasSubstr("leaves by"));
  api_.On("GET " + asked_, Answer("consumed"));
  EXPECT_EQ(Run(command_).status, 0);
}

TEST_F(Explain, AsksForAllThatIsSaid) {
  const std::string asked =
      "/v1/explain?from=uplink0&to=10.96.0.80%3A80%2Fudp&source=192.0.2.9&source_port=7&ttl=2"
      "&bytes=1400&dont_fragment=false";
  api_.On("GET " + asked, Answer("sent"));
  const Ended ended =
      Run({"explain", "--from", "uplink0", "--to", "10.96.0.80:80/udp", "--source", "192.0.2.9",
           "--source-port", "7", "--ttl", "2", "--bytes", "1400", "--may-fragment"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(api_.requests(), ElementsAre(Field(&FakeApi::Request::path, asked)));
}

TEST_F(Explain, NeedsBothEnds) {
  EXPECT_EQ(Run({"explain", "--from", "host"}).status, 2);
  EXPECT_EQ(Run({"explain", "--to", "10.0.0.1"}).status, 2);
  EXPECT_EQ(Run({"explain", "--from", "host", "--to", "10.0.0.1", "--ttl", "0"}).status, 2);
}

TEST_F(Explain, TellsWhatTheApiHasAgainstIt) {
  api_.OnText("GET " + asked_, 404,
              R"({"error":{"code":"not_found","message":"from: there is no pod default/web-1"}})");
  const Ended ended = Run(command_);
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("from: there is no pod default/web-1"));
}

}  // namespace
}  // namespace podwarp::ctl::test
