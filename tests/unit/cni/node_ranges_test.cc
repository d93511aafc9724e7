// host-local's ranges, out of podwarp's own configuration.
#include "node_ranges.h"

#include <gtest/gtest.h>

namespace podwarp::cni {
namespace {

const Json kNetwork = Json::parse(
    R"({"cniVersion":"1.0.0","name":"net","type":"podwarp-cni","ipam":{"type":"host-local"}})");

Json RangesFor(const Json& running) {
  return Json::parse(WithNodeRanges(kNetwork, running))["ipam"]["ranges"];
}

Json Piece(const std::string& subnet, const std::string& start, const std::string& end) {
  return {{"subnet", subnet}, {"rangeStart", start}, {"rangeEnd", end}};
}

TEST(NodeRanges, OnlyHostLocalWithoutAnyRangeLacksThem) {
  EXPECT_TRUE(LacksRanges(Json::parse(R"({"type":"host-local"})")));
  EXPECT_TRUE(LacksRanges(Json::parse(R"({"type":"host-local","dataDir":"/d"})")));
  EXPECT_FALSE(LacksRanges(Json::parse(R"({"type":"host-local","ranges":[]})")));
  EXPECT_FALSE(LacksRanges(Json::parse(R"({"type":"host-local","subnet":"10.0.0.0/24"})")));
  EXPECT_FALSE(LacksRanges(Json::parse(R"({"type":"dhcp"})")));
  EXPECT_FALSE(LacksRanges(nullptr));
}

TEST(NodeRanges, AllButFirstAndLast) {
  EXPECT_EQ(RangesFor({{"node_pod_ranges", {"10.244.1.0/24"}}}),
            Json::array({Json::array({Piece("10.244.1.0/24", "10.244.1.1", "10.244.1.254")})}));
}

TEST(NodeRanges, WhatTheNodeUsesItselfIsLeftOut) {
  const Json running = {{"gateway", {{"address", "10.244.1.1"}}},
                        {"host_port", {{"address", "10.244.1.254"}}},
                        {"hairpin_address", "10.244.1.9"},
                        {"reserved_addresses", {"10.244.1.10", "10.9.9.9", "10.244.1.255"}},
                        {"node_pod_ranges", {"10.244.1.0/24"}}};
  EXPECT_EQ(RangesFor(running),
            Json::array({Json::array({Piece("10.244.1.0/24", "10.244.1.2", "10.244.1.8"),
                                      Piece("10.244.1.0/24", "10.244.1.11", "10.244.1.253")})}));
}

TEST(NodeRanges, AllRangesAreOneSet) {
  const Json running = {{"node_pod_ranges", {"10.1.0.0/30", "10.2.0.0/16"}}};
  EXPECT_EQ(RangesFor(running),
            Json::array({Json::array({Piece("10.1.0.0/30", "10.1.0.1", "10.1.0.2"),
                                      Piece("10.2.0.0/16", "10.2.0.1", "10.2.255.254")})}));
}

TEST(NodeRanges, TheRestStaysAsItIs) {
  Json expected = kNetwork;
  for (const std::string& text :
       {WithNodeRanges(kNetwork, {{"node_pod_ranges", {"10.1.0.0/24"}}}), WithAnyRange(kNetwork)}) {
    Json json = Json::parse(text);
    EXPECT_FALSE(json["ipam"]["ranges"][0].empty());
    json["ipam"].erase("ranges");
    EXPECT_EQ(json, expected);
  }
}

TEST(NodeRanges, NoneIsAnError) {
  for (const char* running :
       {R"({})", R"({"node_pod_ranges":[]})", R"({"node_pod_ranges":["10.0.0.0/32"]})",
        R"({"node_pod_ranges":["10.0.0.0/30"],"reserved_addresses":["10.0.0.1","10.0.0.2"]})"}) {
    try {
      WithNodeRanges(kNetwork, Json::parse(running));
      ADD_FAILURE() << running;
    } catch (const CniError& error) {
      EXPECT_EQ(error.code(), kInvalidConfig);
      EXPECT_NE(error.details().find("node_pod_ranges"), std::string::npos) << error.details();
    }
  }
}

}  // namespace
}  // namespace podwarp::cni
