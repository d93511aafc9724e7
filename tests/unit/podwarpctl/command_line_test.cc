#include "command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podwarp::ctl::test {
namespace {

using testing::HasSubstr;

std::string FaultOf(const std::vector<std::string>& arguments) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (line.ok()) return "(none)";
  EXPECT_TRUE(absl::IsInvalidArgument(line.status()));
  return std::string(line.status().message());
}

TEST(CommandLine, OptionsStandBeforeOrAfterTheCommand) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--socket", "/s", "-o", "json", "pods"},
        std::vector<std::string>{"pods", "--socket=/s", "-o", "json"},
        std::vector<std::string>{"-o", "json", "pods", "--socket", "/s"}}) {
    const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->socket, "/s");
    EXPECT_TRUE(line->json);
    EXPECT_EQ(line->command, "pods");
    EXPECT_TRUE(line->action);
  }
}

TEST(CommandLine, Defaults) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine({"pod", "del", "status"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->socket, "/run/podwarp/api.sock");
  EXPECT_FALSE(line->json);
  EXPECT_EQ(line->command, "pod del");
}

TEST(CommandLine, NearMissesAreSuggested) {
  EXPECT_EQ(FaultOf({"prts"}),
            "'prts' is no command (did you mean 'ports'?); see `podwarpctl --help`");
  EXPECT_EQ(FaultOf({"pod", "dell", "x"}),
            "pod: 'dell' is no command of pod (did you mean 'del'?); see `podwarpctl pod --help`");
  EXPECT_EQ(FaultOf({"drops", "--al"}),
            "drops: '--al' is no option here (did you mean '--all'?); see `podwarpctl drops "
            "--help`");
  EXPECT_THAT(FaultOf({"pods", "--sockt=/x"}), HasSubstr("(did you mean '--socket'?)"));
  EXPECT_THAT(FaultOf({"frobnicate"}), HasSubstr("(known: status, ready, "));
}

TEST(CommandLine, WhatIsMissingIsSaid) {
  EXPECT_THAT(FaultOf({}), HasSubstr("a command is missing (known: status"));
  EXPECT_THAT(FaultOf({"pod"}), HasSubstr("pod: a command is missing (known: add, del)"));
  EXPECT_THAT(FaultOf({"pod", "add"}), HasSubstr("required; see `podwarpctl pod add --help`"));
  EXPECT_THAT(FaultOf({"pod", "add", "x", "--tap", "eth0"}), HasSubstr("--ip is required"));
  EXPECT_THAT(FaultOf({"route", "add", "10.0.0.1/32"}), HasSubstr("node is required"));
}

TEST(CommandLine, WhatIsTooMuchIsSaid) {
  EXPECT_THAT(FaultOf({"status", "now"}), HasSubstr("'now' is too much"));
  EXPECT_THAT(FaultOf({"pods", "status"}), HasSubstr("'status' is too much"));
  EXPECT_THAT(FaultOf({"node", "del", "a", "b"}), HasSubstr("'b' is too much"));
}

TEST(CommandLine, ValuesAreLookedAt) {
  EXPECT_THAT(FaultOf({"-o", "xml", "pods"}), HasSubstr("'xml' is neither table nor json"));
  EXPECT_THAT(FaultOf({"top", "--interval", "0"}), HasSubstr("--interval"));
  EXPECT_THAT(FaultOf({"pod", "add", "x", "--ip", "10.0.0.1", "--tap", "e", "--mtu", "big"}),
              HasSubstr("--mtu"));
}

TEST(CommandLine, OptionsOfAPortNeedThatPort) {
  EXPECT_THAT(FaultOf({"pod", "add", "x", "--ip", "1.2.3.4", "--vdev", "v", "--netns", "/n"}),
              HasSubstr("--netns requires --tap"));
  EXPECT_THAT(FaultOf({"pod", "add", "x", "--ip", "1.2.3.4", "--tap", "e", "--queues", "2"}),
              HasSubstr("--queues requires --vhost-user"));
}

TEST(CommandLine, EachCommandHasHelpWithExamples) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"status"},       {"version"},        {"reload"},
           {"pods"},         {"nodes"},          {"routes"},
           {"services"},     {"connections"},    {"arp"},
           {"ports"},        {"workers"},        {"drops"},
           {"top"},          {"pod", "add"},     {"pod", "del"},
           {"node", "add"},  {"node", "del"},    {"route", "add"},
           {"route", "del"}, {"service", "add"}, {"service", "del"},
           {"apply"},        {"doctor"},         {"explain"},
           {"ready"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_FALSE(line->action);
    std::string words = "podwarpctl";
    for (const std::string& word : command) words += " " + word;
    EXPECT_THAT(line->help, HasSubstr("Examples:\n  " + words)) << words;
    EXPECT_THAT(line->help, HasSubstr("Usage: " + words));
  }
  EXPECT_THAT(ParseCommandLine({"--help"})->help, HasSubstr("Exit status: 0 done"));
}

}  // namespace
}  // namespace podwarp::ctl::test
