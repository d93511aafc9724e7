#include "kubernetes/own_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/literals.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;
using test::operator""_ip;
using test::operator""_mac;

KubeNode Node(std::optional<MacAddress> mac, std::optional<Ipv4Address> underlay) {
  KubeNode node;
  node.name = "node-a";
  node.virtual_mac = mac;
  node.underlay_address = underlay;
  return node;
}

TEST(OwnNodeTest, WhatStandsThereIsNotWrittenAgain) {
  EXPECT_FALSE(PatchOf(Node("02:00:00:00:00:0a"_mac, "192.168.50.1"_ip),
                       {"02:00:00:00:00:0a"_mac, "192.168.50.1"_ip})
                   .has_value());
  EXPECT_FALSE(
      PatchOf(Node("02:00:00:00:00:0a"_mac, std::nullopt), {"02:00:00:00:00:0a"_mac, std::nullopt})
          .has_value());
}

TEST(OwnNodeTest, WritesBothAnnotationsAndNothingElse) {
  const std::optional<Json> patch =
      PatchOf(Node(std::nullopt, std::nullopt), {"02:00:00:00:00:0a"_mac, "192.168.50.1"_ip});
  ASSERT_TRUE(patch.has_value());
  EXPECT_EQ(*patch, Json::parse(R"({"metadata": {"annotations": {
      "podwarp.io/virtual-mac": "02:00:00:00:00:0a",
      "podwarp.io/underlay-address": "192.168.50.1"}}})"));
}

TEST(OwnNodeTest, WhatTheServerTakesOfItIsRead) {
  const OwnAnnotations own{"02:00:00:00:00:0a"_mac, "192.168.50.1"_ip};
  Json node = Json::parse(R"({"metadata": {"name": "node-a", "annotations": {"other": "x"}}})");
  node.merge_patch(*PatchOf(ParseKubeNode(node), own));
  EXPECT_EQ(node["metadata"]["annotations"]["other"], "x");
  EXPECT_FALSE(PatchOf(ParseKubeNode(node), own).has_value());
}

TEST(OwnNodeTest, TakesAwayAnAddressThatItNoLongerHas) {
  const OwnAnnotations own{"02:00:00:00:00:0a"_mac, std::nullopt};
  Json node = Json::parse(R"({"metadata": {"name": "node-a", "annotations": {
      "podwarp.io/virtual-mac": "02:00:00:00:00:0a",
      "podwarp.io/underlay-address": "192.168.50.1"}}})");
  node.merge_patch(*PatchOf(ParseKubeNode(node), own));
  EXPECT_FALSE(node["metadata"]["annotations"].contains("podwarp.io/underlay-address"));
}

TEST(OwnNodeTest, ReplacesWhatCantBeRead) {
  const OwnAnnotations own{"02:00:00:00:00:0a"_mac, std::nullopt};
  Json node = Json::parse(R"({"metadata": {"name": "node-a", "annotations": {
      "podwarp.io/virtual-mac": "02:00:00:00:00:0a",
      "podwarp.io/underlay-address": "somewhere"}}})");
  const std::optional<Json> patch = PatchOf(ParseKubeNode(node), own);
  ASSERT_TRUE(patch.has_value());
  node.merge_patch(*patch);
  EXPECT_FALSE(PatchOf(ParseKubeNode(node), own).has_value());
}

TEST(OwnNodeTest, NamesTheOthersThatHaveTheMac) {
  EXPECT_EQ(DuplicateMacSentence("02:00:00:00:00:0a"_mac, {"node-a", "node-b"}, "node-a"),
            "virtual MAC 02:00:00:00:00:0a of node node-a is also that of node-b: frames for one "
            "may reach the other; give each a virtual_mac of its own");
  std::vector<std::string> nodes;
  for (int i = 0; i < 5'000; ++i) nodes.push_back("node-" + std::to_string(i));
  const std::string sentence = DuplicateMacSentence("02:00:00:00:00:0a"_mac, nodes, "node-0");
  EXPECT_THAT(sentence,
              testing::HasSubstr("node-1, node-2, node-3, node-4, node-5 and 4994 more:"));
}

TEST(OwnNodeTest, AWarningIsAnEventOfTheNode) {
  const Json event =
      WarningOf("node-a", "DuplicateVirtualMac", "two have it", absl::FromUnixSeconds(0));
  EXPECT_EQ(event["kind"], "Event");
  EXPECT_EQ(event["apiVersion"], "v1");
  EXPECT_EQ(event["metadata"]["namespace"], "default");
  EXPECT_EQ(event["involvedObject"]["kind"], "Node");
  EXPECT_EQ(event["involvedObject"]["name"], "node-a");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "DuplicateVirtualMac");
  EXPECT_EQ(event["message"], "two have it");
  EXPECT_EQ(event["firstTimestamp"], "1970-01-01T00:00:00Z");
}

TEST(OwnNodeTest, TheNameOfAWarningIsThatOfItsMessage) {
  const auto name = [](const std::string& node, const std::string& message, int seconds) {
    return WarningOf(node, "DuplicateVirtualMac", message,
                     absl::FromUnixSeconds(seconds))["metadata"]["name"]
        .get<std::string>();
  };
  EXPECT_EQ(name("node-a", "one", 1), name("node-a", "one", 2));
  EXPECT_NE(name("node-a", "one", 1), name("node-a", "two", 1));
  EXPECT_NE(name("node-a", "one", 1), name("node-b", "one", 1));
  EXPECT_LE(name(std::string(253, 'n'), "one", 1).size(), 253);
}

}  // namespace
}  // namespace podwarp
