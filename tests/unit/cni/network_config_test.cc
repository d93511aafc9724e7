// The network configuration, and what is wrong with it.
#include "network_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

namespace podwarp::cni {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Json Minimal() {
  return Json::parse(R"({"cniVersion":"1.0.0","name":"net","type":"podwarp-cni",
                         "ipam":{"type":"host-local"}})");
}

TEST(ParseNetworkConfig, Defaults) {
  const NetworkConfig config = ParseNetworkConfig(Minimal());
  EXPECT_EQ(config.name, "net");
  EXPECT_EQ(config.socket, "/run/podwarp/api.sock");
  EXPECT_EQ(config.ipam, "host-local");
  EXPECT_FALSE(config.is_vhost_user);
  EXPECT_TRUE(config.on_link);
  EXPECT_EQ(config.socket_directory, "/var/run/podwarp/sockets");
  EXPECT_FALSE(config.mtu.has_value());
  EXPECT_FALSE(config.queues.has_value());
  EXPECT_TRUE(config.dns.is_null());
  EXPECT_TRUE(config.prev_result.is_null());
  EXPECT_FALSE(config.valid_attachments.has_value());
}

TEST(ParseNetworkConfig, Everything) {
  Json json = Minimal();
  json.update(Json::parse(R"({
      "socket":"/s","mtu":9000,"mode":"vhost-user","on_link":false,"socket_directory":"/d",
      "queues":4,"dns":{"nameservers":["10.0.0.1"]},"prevResult":{"ips":[]},"lock":"/l",
      "state":"/t","cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"}]})"));
  const NetworkConfig config = ParseNetworkConfig(json);
  EXPECT_EQ(config.socket, "/s");
  EXPECT_EQ(config.mtu, 9000);
  EXPECT_TRUE(config.is_vhost_user);
  EXPECT_FALSE(config.on_link);
  EXPECT_EQ(config.socket_directory, "/d");
  EXPECT_EQ(config.queues, 4);
  EXPECT_EQ(config.dns, json["dns"]);
  EXPECT_EQ(config.prev_result, json["prevResult"]);
  EXPECT_EQ(config.lock, "/l");
  EXPECT_EQ(config.state, "/t");
  EXPECT_THAT(*config.valid_attachments, ElementsAre(Pair("a", "eth0")));
}

TEST(ParseNetworkConfig, WhatIsMeantForOthersIsPassedOver) {
  Json json = Minimal();
  json.update(Json::parse(R"({"runtimeConfig":{"mac":"x"},"args":{"cni":{}},"capabilities":{},
                              "cni.dev/other":1,"ipMasq":false})"));
  EXPECT_EQ(ParseNetworkConfig(json).name, "net");
}

TEST(ParseNetworkConfig, ShippedFilesAreRight) {
  const std::string folder = std::string(PODWARP_CONFIGS) + "/cni/";
  for (const char* name :
       {"10-podwarp.conflist", "10-podwarp-1.1.conflist", "vhost-user.conflist"}) {
    const Json list = Json::parse(std::ifstream(folder + name), nullptr, false);
    ASSERT_TRUE(list.is_object()) << name;
    Json plugin = list["plugins"][0];  // as a runtime derives it
    plugin["cniVersion"] = list["cniVersion"];
    plugin["name"] = list["name"];
    try {
      EXPECT_FALSE(ParseNetworkConfig(plugin).ipam.empty());
    } catch (const CniError& error) {
      ADD_FAILURE() << name << ": " << error.details();
    }
  }
}

struct BadConfig {
  std::string name;
  std::string change;  // merged into Minimal(); null takes a key away
  int code;
  std::string details;
};

class NetworkConfigFault : public testing::TestWithParam<BadConfig> {};

TEST_P(NetworkConfigFault, IsReported) {
  Json json = Minimal();
  json.merge_patch(Json::parse(GetParam().change));
  try {
    ParseNetworkConfig(json);
    FAIL() << "nothing was reported";
  } catch (const CniError& error) {
    EXPECT_EQ(error.code(), GetParam().code);
    EXPECT_THAT(error.details(), HasSubstr(GetParam().details));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, NetworkConfigFault,
    testing::Values(
        BadConfig{"UnknownKey", R"({"bridge":"cni0"})", 2, R"(bridge: "cni0": )"},
        BadConfig{"Masquerade", R"({"ipMasq":true})", 2, "ipMasq: true: "},
        BadConfig{"NoName", R"({"name":null})", 7, "name: is missing"},
        BadConfig{"Name", R"({"name":"a/b"})", 7, "name: 'a/b' is not a network's name"},
        BadConfig{"NoIpam", R"({"ipam":null})", 7, "ipam: is missing"},
        BadConfig{"IpamIsNoObject", R"({"ipam":"x"})", 7, "ipam: expected an object"},
        BadConfig{"IpamWithoutType", R"({"ipam":{"type":null}})", 7, "ipam.type: expected"},
        BadConfig{"IpamIsAPath", R"({"ipam":{"type":"../x"}})", 7, "ipam.type: expected"},
        BadConfig{"Socket", R"({"socket":"api.sock"})", 7, "socket: 'api.sock' is not an absolute"},
        BadConfig{"SocketIsNoText", R"({"socket":5})", 7, "socket: expected a text, found 5"},
        BadConfig{"LongSocket", "{\"socket\":\"/" + std::string(107, 'a') + "\"}", 7,
                  "socket: has 108 bytes"},
        BadConfig{"SmallMtu", R"({"mtu":575})", 7, "mtu: 575 is not a whole number from 576"},
        BadConfig{"MtuIsNoNumber", R"({"mtu":"1500"})", 7, "mtu: \"1500\" is not"},
        BadConfig{"Mode", R"({"mode":"veth"})", 7, "mode: 'veth' is not a mode"},
        BadConfig{"OnLink", R"({"on_link":"yes"})", 7, "on_link: expected true or false"},
        BadConfig{"Queues", R"({"mode":"vhost-user","queues":17})", 7, "queues: 17 is not"},
        BadConfig{"QueuesOfATap", R"({"queues":2})", 7, "queues: is for mode vhost-user only"},
        BadConfig{"Dns", R"({"dns":[]})", 7, "dns: expected an object"},
        BadConfig{"PrevResult", R"({"prevResult":[]})", 7, "prevResult: expected an object"},
        BadConfig{"Attachments", R"({"cni.dev/valid-attachments":{}})", 7, "expected a list"},
        BadConfig{"Attachment", R"({"cni.dev/valid-attachments":[{"ifname":"a"}]})", 7,
                  "cni.dev/valid-attachments: expected {\"containerID\""}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace podwarp::cni
