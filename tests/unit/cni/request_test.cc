// What the runtime says, and what is wrong with it.
#include "request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podwarp::cni {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr char kConfig[] = R"({"cniVersion":"1.0.0","name":"net","type":"podwarp-cni"})";

Environment Add() {
  return {{"CNI_COMMAND", "ADD"},
          {"CNI_CONTAINERID", "a1"},
          {"CNI_NETNS", "/run/netns/a"},
          {"CNI_IFNAME", "eth0"},
          {"CNI_PATH", "/opt/cni:/usr/lib/cni"},
          {"CNI_ARGS", "A=1;B=x=y;C="},
          {"HOME", "/root"}};
}

TEST(ParseRequest, Add) {
  const Request request = ParseRequest(Add(), kConfig);
  EXPECT_EQ(request.verb, Verb::kAdd);
  EXPECT_EQ(request.container_id, "a1");
  EXPECT_EQ(request.netns, "/run/netns/a");
  EXPECT_EQ(request.interface, "eth0");
  EXPECT_EQ(request.version, "1.0.0");
  EXPECT_EQ(request.config_text, kConfig);
  EXPECT_THAT(request.path, ElementsAre("/opt/cni", "/usr/lib/cni"));
  EXPECT_THAT(request.arguments, ElementsAre(Pair("A", "1"), Pair("B", "x=y"), Pair("C", "")));
}

TEST(ParseRequest, DelNeedsNoNamespaceAndNoArguments) {
  Environment environment = Add();
  environment["CNI_COMMAND"] = "DEL";
  environment["CNI_NETNS"] = "";
  environment.erase("CNI_ARGS");
  EXPECT_EQ(ParseRequest(environment, kConfig).netns, "");
}

TEST(ParseRequest, StatusAndGcNeedNoAttachment) {
  for (const auto& [word, verb] : {std::pair{"STATUS", Verb::kStatus}, {"GC", Verb::kGc}}) {
    const Request request =
        ParseRequest({{"CNI_COMMAND", word}, {"CNI_PATH", "/x"}}, R"({"cniVersion":"1.1.0"})");
    EXPECT_EQ(request.verb, verb);
  }
}

TEST(ParseRequest, VersionNeedsNothing) {
  const Environment environment = {{"CNI_COMMAND", "VERSION"}};
  EXPECT_EQ(ParseRequest(environment, "").version, "1.1.0");
  EXPECT_EQ(ParseRequest(environment, "{}").version, "1.1.0");
  EXPECT_EQ(ParseRequest(environment, R"({"cniVersion":"0.2.0"})").version, "0.2.0");
}

struct BadRequest {
  std::string name;
  Environment change;  // to that of Add()
  std::string config;
  int code;
  std::string details;
};

class RequestFault : public testing::TestWithParam<BadRequest> {};

TEST_P(RequestFault, IsReported) {
  Environment environment = Add();
  for (const auto& [name, value] : GetParam().change) environment[name] = value;
  try {
    ParseRequest(environment, GetParam().config);
    FAIL() << "nothing was reported";
  } catch (const CniError& error) {
    EXPECT_EQ(error.code(), GetParam().code);
    EXPECT_THAT(error.details(), HasSubstr(GetParam().details));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RequestFault,
    testing::Values(
        BadRequest{"NoCommand", {{"CNI_COMMAND", ""}}, kConfig, 4, "CNI_COMMAND is missing"},
        BadRequest{"Command",
                   {{"CNI_COMMAND", "add"}},
                   kConfig,
                   4,
                   "CNI_COMMAND 'add' is not a command (expected ADD, DEL"},
        BadRequest{"AllAtOnce",
                   {{"CNI_CONTAINERID", ""}, {"CNI_NETNS", "a"}, {"CNI_IFNAME", "a/b"}},
                   kConfig,
                   4,
                   "CNI_CONTAINERID is missing; CNI_NETNS 'a' is not an absolute path; CNI_IFNAME "
                   "'a/b' is not an interface's name"},
        BadRequest{"NoNamespace", {{"CNI_NETNS", ""}}, kConfig, 4, "CNI_NETNS is missing"},
        BadRequest{"NoPath", {{"CNI_PATH", ""}}, kConfig, 4, "CNI_PATH is missing"},
        BadRequest{"ContainerId", {{"CNI_CONTAINERID", "../a"}}, kConfig, 4, "CNI_CONTAINERID"},
        BadRequest{"LongInterface", {{"CNI_IFNAME", "interface-of-16b"}}, kConfig, 4, "CNI_IFNAME"},
        BadRequest{"PatternAsInterface", {{"CNI_IFNAME", "eth%d"}}, kConfig, 4, "CNI_IFNAME"},
        BadRequest{
            "Arguments", {{"CNI_ARGS", "A=1;B"}}, kConfig, 4, "CNI_ARGS 'B' is not KEY=VALUE"},
        BadRequest{"NotJson", {}, "{", 6, "standard input: "},
        BadRequest{"NoInput", {}, "", 6, "standard input: "},
        BadRequest{"NotAnObject", {}, "[]", 6, "expected a JSON object"},
        BadRequest{"VersionIsNoText", {}, R"({"cniVersion":1})", 6, "cniVersion: expected a text"},
        BadRequest{"OldVersion", {}, R"({"cniVersion":"0.3.1"})", 1, "'0.3.1' is not spoken"},
        BadRequest{"NoVersion", {}, "{}", 1, "'0.1.0' is not spoken"},
        BadRequest{"NewVersion", {}, R"({"cniVersion":"2.0.0"})", 1, "'2.0.0' is not spoken"},
        BadRequest{
            "StatusOfOldVersion", {{"CNI_COMMAND", "STATUS"}}, kConfig, 1, "1.0.0 has no STATUS"},
        BadRequest{"GcOfOldVersion", {{"CNI_COMMAND", "GC"}}, kConfig, 1, "1.0.0 has no STATUS"}),
    [](const auto& row) { return row.param.name; });

TEST(VersionForErrors, IsTheRuntimesIfWeSpeakIt) {
  EXPECT_EQ(VersionForErrors(kConfig), "1.0.0");
  for (const char* text : {"", "{", "[]", "{}", R"({"cniVersion":5})", R"({"cniVersion":"9"})"}) {
    EXPECT_EQ(VersionForErrors(text), "1.1.0") << text;
  }
}

}  // namespace
}  // namespace podwarp::cni
