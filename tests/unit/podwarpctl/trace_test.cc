#include "text/trace.h"

#include <gtest/gtest.h>

#include <sstream>

namespace podwarp::ctl::test {
namespace {

std::string Printed(const Json& trace) {
  std::ostringstream out;
  PrintTrace(trace, &out);
  return out.str();
}

Json Step(const char* stage, const char* verdict, double microseconds, const char* text) {
  return {{"stage", stage}, {"verdict", verdict}, {"microseconds", microseconds}, {"text", text}};
}

Json Sent() {
  Json trace = {{"id", "0-17"},
                {"worker", 0},
                {"time", "2026-11-23T14:03:07.123456+00:00"},
                {"port", "default/web-1"},
                {"pod", "default/web-1"},
                {"frame", "10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes"}};
  trace["steps"] = {Step("receive", "passed", 0.1, "from pod default/web-1"),
                    Step("translate_service", "passed", 0.9, "nothing to translate"),
                    Step("send", "sent", 1.34, "handed to port uplink0")};
  trace["end"] = "sent";
  trace["at_port"] = "uplink0";
  return trace;
}

TEST(PrintTrace, OfASentFrame) {
  EXPECT_EQ(Printed(Sent()),
            "14:03:07.123456 #0-17 10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes\n"
            "  receive            from pod default/web-1\n"
            "  translate_service  nothing to translate\n"
            "  send               handed to port uplink0 (1.3 us)\n");
}

TEST(PrintTrace, ADroppedFrameEndsWithItsReasonAndWhoseItIs) {
  Json trace = Sent();
  trace["steps"] = {Step("receive", "passed", 0.1, "from pod default/web-1"),
                    Step("guard_source", "dropped", 0.5, "dropped: spoofed_ip (not its own)")};
  trace["end"] = "dropped";
  trace["reason"] = "spoofed_ip";
  trace["help"] = "source address isn't the pod's";
  trace["at_port"] = trace["at_pod"] = "default/web-1";
  EXPECT_EQ(Printed(trace),
            "14:03:07.123456 #0-17 10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes\n"
            "  receive            from pod default/web-1\n"
            "  guard_source       DROPPED spoofed_ip: source address isn't the pod's (pod "
            "default/web-1) (0.5 us)\n");
  trace.erase("at_pod");
  trace["at_port"] = "uplink0";
  EXPECT_NE(Printed(trace).find("the pod's (port uplink0) (0.5 us)\n"), std::string::npos);
}

TEST(PrintTrace, AnAnswerNamesItsCauseAndAPartOfAWayItsGap) {
  Json trace = Sent();
  trace["cause"] = "0-16";
  trace["partial"] = true;
  trace["steps"] = Json::array({Step("send", "sent", 0, "handed to port uplink0")});
  EXPECT_EQ(Printed(trace),
            "14:03:07.123456 #0-17 of #0-16 10.244.1.10:4000 > 10.96.0.80:80 TCP SYN, 74 bytes\n"
            "  ...\n"
            "  send               handed to port uplink0\n");
}

// A podwarp of another version may say less, or something else.
TEST(PrintTrace, TakesWhatThereIs) {
  EXPECT_EQ(Printed(Json::object()), " # \n");
  Json trace = {{"id", 7}, {"time", "noon"}, {"steps", "many"}};
  EXPECT_EQ(Printed(trace), "noon #7 \n");
  trace["steps"] = Json::array({1, Json::object()});
  trace["steps"][1]["stage"] = "a\x1b[2J";
  EXPECT_EQ(Printed(trace),
            "noon #7 \n"
            "                     \n"
            "  a [2J               (0.0 us)\n");
}

}  // namespace
}  // namespace podwarp::ctl::test
