// `podwarpctl trace`, beside an API that says lines.
#include "absl/strings/str_cat.h"
#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::HasSubstr;

class Trace : public ProgramTest {
 protected:
  void On(const std::string& query, const std::string& lines) {
    api_.OnText(absl::StrCat("GET /v1/trace?", query), 200, lines);
  }
};

std::string Line(const std::string& id) {
  Json trace = {{"id", id},
                {"time", "2026-11-23T14:03:07.123456+00:00"},
                {"frame", "ARP who has 10.244.1.11, tell 10.244.1.10, 42 bytes"},
                {"steps", Json::array()}};
  Json step = {{"stage", "receive"}, {"verdict", "passed"}, {"text", "from port uplink0"}};
  trace["steps"].push_back(step);
  return absl::StrCat(trace.dump(), "\n");
}
std::string Printed(const std::string& id) {
  return absl::StrCat("14:03:07.123456 #", id,
                      " ARP who has 10.244.1.11, tell 10.244.1.10, 42 bytes\n"
                      "  receive            from port uplink0\n");
}

TEST_F(Trace, IsShownInWords) {
  On("count=20", absl::StrCat(Line("0-1"), Line("0-2")));
  EXPECT_EQ(OutputOf({"trace"}), absl::StrCat(Printed("0-1"), Printed("0-2")));
}

TEST_F(Trace, IsForProgramsALineEach) {
  const std::string lines = absl::StrCat(Line("0-1"), Line("0-2"));
  On("count=20", lines);
  EXPECT_EQ(OutputOf({"trace", "-o", "json"}), lines);
}

TEST_F(Trace, OptionsAreTheApisParameters) {
  On("count=3&pod=default%2Fweb-1&ip=10.244.1.10&port=uplink0&drop=any&seconds=1.5", Line("0-1"));
  EXPECT_EQ(OutputOf({"trace", "--pod", "web-1", "--ip", "10.244.1.10", "--port", "uplink0",
                      "--drop", "any", "-c", "3", "--seconds", "1.5"}),
            Printed("0-1"));
}

TEST_F(Trace, SaysWhatWasLost) {
  On("count=20", absl::StrCat(Line("0-1"), "{\"lost\":7}\n"));
  const Ended ended = Run({"trace"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, Printed("0-1"));
  EXPECT_EQ(ended.err, "podwarpctl: note: 7 more frames came faster than they could be shown\n");
}

TEST_F(Trace, SaysThatNothingCame) {
  On("count=20&seconds=2", "");
  const Ended ended = Run({"trace", "--seconds", "2"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "podwarpctl: note: no such frame came within 2 s\n");
}

TEST_F(Trace, TheApisRefusalIsTold) {
  api_.OnText("GET /v1/trace?count=20&drop=bad", 404,
              R"({"error":{"code":"not_found","message":"drop: there is no drop reason 'bad'"}})");
  const Ended ended = Run({"trace", "--drop", "bad"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.err, "podwarpctl: drop: there is no drop reason 'bad'\n");
}

TEST_F(Trace, AWrongOptionIsWrongUsage) {
  const Ended ended = Run({"trace", "--seconds", "-1"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("podwarpctl trace --help"));
}

}  // namespace
}  // namespace podwarp::ctl::test
