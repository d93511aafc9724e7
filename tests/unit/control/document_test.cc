// Texts as trees: JSON, and what YAML can say that has no place in one.
#include "control/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "fault_case.h"

namespace podwarp {
namespace {

using testing::HasSubstr;

std::string FaultOf(const std::string& text) {
  const absl::StatusOr<Document> document = ParseJson(text);
  EXPECT_FALSE(document.ok()) << text;
  return std::string(document.status().message());
}

std::string Repeat(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(ParseJson, KeepsValuesAndTheOrderOfKeys) {
  for (const std::string text :
       {R"({"z":[1,-2,0.5,true,null,"x"],"a":{"b":{},"c":[[],[{"d":""}]]}})", R"([])", R"("x")",
        R"(18446744073709551615)", R"({"":{"":1}})"}) {
    const absl::StatusOr<Document> document = ParseJson(text);
    ASSERT_TRUE(document.ok()) << document.status();
    EXPECT_EQ(document->dump(), text);
  }
}

TEST(ParseJson, WhatIsNoJsonIsToldWithItsPlace) {
  EXPECT_THAT(FaultOf(R"({"a":1,})"), HasSubstr("is not JSON at line 1, column 8: syntax error"));
  EXPECT_THAT(FaultOf(""), HasSubstr("is not JSON at line 1, column 1: "));
  EXPECT_THAT(FaultOf("{} {}"), HasSubstr("is not JSON at line 1, column 4: "));
  EXPECT_THAT(FaultOf("{\"a\":\"\xff\"}"), HasSubstr("is not JSON at line 1"));
  EXPECT_THAT(FaultOf("[NaN]"), HasSubstr("is not JSON at line 1"));
  EXPECT_EQ(FaultOf(R"({"a":1e999})"), "a: number overflow parsing '1e999'");
}

TEST(ParseJson, KeysGivenAgainAreNamedByTheirPath) {
  EXPECT_EQ(FaultOf(R"({"a":1,"b":2,"a":1})"), "a: is given again; keep one");
  EXPECT_EQ(FaultOf(R"({"a":[0,{"b":{"c":1,"c":2}}]})"), "a[1].b.c: is given again; keep one");
}

TEST(ParseJson, DepthAndBreadthAreBounded) {
  EXPECT_TRUE(ParseJson(Repeat("[", 16) + Repeat("]", 16)).ok());
  EXPECT_THAT(FaultOf(Repeat("[", 17) + Repeat("]", 17)), HasSubstr("is nested too deeply"));
  EXPECT_THAT(FaultOf(Repeat("[", 1'000'000)), HasSubstr("is nested too deeply"));
  EXPECT_THAT(FaultOf(Repeat("{\"a\":", 100'000)), HasSubstr("is nested too deeply"));
  std::string keys = "\"k0\":0";
  for (int i = 1; i < 256; ++i) keys += ",\"k" + std::to_string(i) + "\":0";
  EXPECT_TRUE(ParseJson("{" + keys + "}").ok());
  EXPECT_EQ(FaultOf("{" + keys + ",\"more\":0}"), "more: is one key too many; there can be 256");
}

// Each byte gone wrong: a tree or a sentence, and no more.
TEST(ParseJson, BrokenTextIsHarmless) {
  const std::string text =
      R"({"name":"web-1","addresses":["10.0.0.1"],"mtu":1500,"port":{"tap":{}}})";
  for (size_t i = 0; i < text.size(); ++i) {
    ASSERT_FALSE(FaultOf(text.substr(0, i)).empty());
    for (const char c : std::string("{}[]\",:\\\0\xff e", 13)) {
      std::string changed = text;
      changed[i] = c;
      const absl::StatusOr<Document> document = ParseJson(changed);
      ASSERT_TRUE(document.ok() || !document.status().message().empty());
    }
  }
}

TEST(Yaml, AliasesThatUnfoldWithoutEndAreFaults) {
  EXPECT_THAT(FaultsOf(std::string(kBase) + "pods: &p\n  - *p\n"),
              testing::Contains(HasSubstr("is nested too deeply")));
  std::string text = std::string(kBase) + "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i <= 9; ++i) {
    text += absl::StrCat("a", i, ": &a", i, " [", Repeat(absl::StrCat("*a", i - 1, " , "), 10));
    text += "]\n";
  }
  EXPECT_THAT(FaultsOf(text), testing::Contains(HasSubstr("aliases (*name) unfold to more than")));
}

TEST(Yaml, ZeroBytesAreFaults) {
  EXPECT_THAT(FaultsOf(std::string(kBase) + "reserved_addresses: [\"10.244.1.9\\0x\"]\n"),
              testing::ElementsAre("4: reserved_addresses[0]: '10.244.1.9\\x00x' has a zero byte"));
}

}  // namespace
}  // namespace podwarp
