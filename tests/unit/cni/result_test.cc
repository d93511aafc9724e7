// Results in each version's form, and what is read out of them again.
#include "result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ipam.h"

namespace podwarp::cni {
namespace {

using testing::ElementsAre;

Attached MakeAttached() {
  return {.interface = "eth0",
          .netns = "/run/netns/a",
          .mac = "02:00:00:00:00:01",
          .mtu_bytes = 1500,
          .socket = "",
          .addresses = {"10.244.1.10/16"},
          .gateway = "10.244.1.1",
          .dns = nullptr};
}

TEST(OnLink, TakesTheLongestRangeAround) {
  EXPECT_THAT(OnLink({"10.244.1.5", "10.7.0.1", "192.0.2.1"}, {"10.0.0.0/8", "10.244.0.0/16"}),
              ElementsAre("10.244.1.5/16", "10.7.0.1/8", "192.0.2.1/32"));
  EXPECT_THAT(OnLink({"10.244.1.5"}, {}), ElementsAre("10.244.1.5/32"));
  EXPECT_THAT(OnLink({"10.244.1.5"}, {"0.0.0.0/0", "10.244.1.5/32", "nonsense", "10.0.0.0/99"}),
              ElementsAre("10.244.1.5/32"));
}

TEST(ToResult, OfOneZero) {
  EXPECT_EQ(ToResult(MakeAttached(), "1.0.0", nullptr), Json::parse(R"({
      "cniVersion": "1.0.0",
      "interfaces": [{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/a"}],
      "ips": [{"address":"10.244.1.10/16","gateway":"10.244.1.1","interface":0}],
      "routes": [{"dst":"0.0.0.0/0","gw":"10.244.1.1"}],
      "dns": {}})"));
}

TEST(ToResult, OfZeroFourSaysTheFamily) {
  const Json result = ToResult(MakeAttached(), "0.4.0", nullptr);
  EXPECT_EQ(result["cniVersion"], "0.4.0");
  EXPECT_EQ(result["ips"][0]["version"], "4");
}

TEST(ToResult, OfOneOneSaysMtuAndSocket) {
  Attached attached = MakeAttached();
  EXPECT_EQ(ToResult(attached, "1.1.0", nullptr)["interfaces"][0]["mtu"], 1500);
  EXPECT_FALSE(ToResult(attached, "1.1.0", nullptr)["interfaces"][0].contains("socketPath"));
  attached.socket = "/d/a/eth0";
  EXPECT_EQ(ToResult(attached, "1.1.0", nullptr)["interfaces"][0]["socketPath"], "/d/a/eth0");
  EXPECT_FALSE(ToResult(attached, "1.0.0", nullptr)["interfaces"][0].contains("socketPath"));
}

TEST(ToResult, DnsIsOursOrThatOfThePluginBefore) {
  Attached attached = MakeAttached();
  const Json before = Json::parse(R"({"dns":{"domain":"before"}})");
  EXPECT_EQ(ToResult(attached, "1.0.0", before)["dns"]["domain"], "before");
  attached.dns = Json::parse(R"({"domain":"ours"})");
  EXPECT_EQ(ToResult(attached, "1.0.0", before)["dns"]["domain"], "ours");
}

TEST(ToResult, IsAddedToThatOfThePluginBefore) {
  const Json before = Json::parse(R"({"interfaces":[{"name":"lo"}],
      "ips":[{"address":"127.0.0.1/8","interface":0}],"routes":[{"dst":"127.0.0.0/8"}]})");
  const Json result = ToResult(MakeAttached(), "1.0.0", before);
  EXPECT_EQ(result["interfaces"][0]["name"], "lo");
  EXPECT_EQ(result["interfaces"][1]["name"], "eth0");
  EXPECT_EQ(result["ips"][0]["interface"], 0);
  EXPECT_EQ(result["ips"][1]["interface"], 1);
  EXPECT_EQ(result["routes"].size(), 2u);
}

TEST(ExpectedOf, IsOfOneInterfaceOnly) {
  const Json result = Json::parse(R"({
      "interfaces":[{"name":"eth0","mac":"02:00:00:00:00:FF"},
                    {"name":"eth0","mac":"02:00:00:00:00:0A","sandbox":"/run/netns/a"}],
      "ips":[{"address":"10.0.0.1/8","interface":0},{"address":"10.0.0.2/8","interface":1},
             {"address":"10.0.0.3/8"}],
      "routes":[{"dst":"10.0.0.0/8"}]})");
  const Expected expected = ExpectedOf(result, "eth0", "/run/netns/a");
  EXPECT_EQ(expected.mac, "02:00:00:00:00:0a");
  EXPECT_THAT(expected.addresses, ElementsAre("10.0.0.2/8"));
  EXPECT_FALSE(expected.has_default_route);
  EXPECT_THROW(ExpectedOf(result, "eth1", "/run/netns/a"), CniError);
  EXPECT_THROW(ExpectedOf(result, "eth0", "/run/netns/b"), CniError);
}

TEST(ExpectedOf, ReadsWhatToResultWrites) {
  for (const char* version : {"0.4.0", "1.0.0", "1.1.0"}) {
    const Json result = ToResult(MakeAttached(), version, nullptr);
    const Expected expected = ExpectedOf(result, "eth0", "/run/netns/a");
    EXPECT_EQ(expected.mac, MakeAttached().mac);
    EXPECT_THAT(expected.addresses, ElementsAre("10.244.1.10/16"));
    EXPECT_TRUE(expected.has_default_route);
  }
}

int CodeOf(const std::string& result) {
  try {
    ParseAddresses("plugin", Json::parse(result, nullptr, false));
  } catch (const CniError& error) {
    return error.code();
  }
  return 0;
}

TEST(ParseAddresses, OfAnIpamPlugin) {
  const Json result = Json::parse(
      R"({"ips":[{"address":"10.0.0.1/24"},{"address":"10.0.0.2"}],"dns":{"domain":"d"}})");
  EXPECT_THAT(ParseAddresses("plugin", result).addresses, ElementsAre("10.0.0.1", "10.0.0.2"));
  EXPECT_EQ(ParseAddresses("plugin", result).dns["domain"], "d");
  for (const char* bad :
       {"", "[]", "{}", R"({"ips":[]})", R"({"ips":[5]})", R"({"ips":[{"address":"x/24"}]})"}) {
    EXPECT_EQ(CodeOf(bad), kIpamBroken) << bad;
  }
  EXPECT_EQ(CodeOf(R"({"ips":[{"address":"fd00::1/64"}]})"), kRefused);
}

}  // namespace
}  // namespace podwarp::cni
