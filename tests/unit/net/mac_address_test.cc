#include "podwarp/net/mac_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podwarp {
namespace {

TEST(MacAddress, ParsesBothForms) {
  const MacAddress expected({0x00, 0x11, 0x22, 0x33, 0x44, 0xaf});
  EXPECT_EQ(*MacAddress::Parse("00:11:22:33:44:af"), expected);
  EXPECT_EQ(*MacAddress::Parse("00-11-22-33-44-AF"), expected);
  EXPECT_EQ(expected.ToString(), "00:11:22:33:44:af");
}

TEST(MacAddress, RefusesEverythingElse) {
  for (const char* text :
       {"", "00:11:22:33:44", "00:11:22:33:44:5", "00:11:22:33:44:55:66", "00:11-22:33:44:55",
        "0011.2233.4455", "00:11:22:33:44:5g", " 0:11:22:33:44:55", "00 11 22 33 44 55"}) {
    const auto parsed = MacAddress::Parse(text);
    EXPECT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(std::string(parsed.status().message()), testing::HasSubstr("00-11-22-33-44-55"));
  }
}

TEST(MacAddress, DerivedIsLocalUnicastStableAndOfTheName) {
  for (const char* name : {"", "a", "node-a", "node-b", "a-much-longer-name.example.org"}) {
    const MacAddress mac = MacAddress::DeriveFrom(name);
    EXPECT_TRUE(mac.is_unicast()) << mac.ToString();
    EXPECT_EQ(mac.bytes()[0] & 0x02, 0x02) << mac.ToString();
    EXPECT_EQ(mac, MacAddress::DeriveFrom(name));
  }
  EXPECT_NE(MacAddress::DeriveFrom("node-a"), MacAddress::DeriveFrom("node-b"));
  // A node keeps its MAC over upgrades too.
  EXPECT_EQ(MacAddress::DeriveFrom("node-a").ToString(), "c6:2d:78:20:c2:1c");
}

TEST(MacAddress, Kinds) {
  EXPECT_TRUE(MacAddress().is_zero());
  EXPECT_FALSE(MacAddress().is_unicast());
  EXPECT_TRUE(MacAddress::Broadcast().is_broadcast());
  EXPECT_TRUE(MacAddress::Broadcast().is_multicast());
  EXPECT_TRUE(MacAddress({0x33, 0x33, 0, 0, 0, 1}).is_multicast());
  EXPECT_FALSE(MacAddress({0x33, 0x33, 0, 0, 0, 1}).is_broadcast());
}

}  // namespace
}  // namespace podwarp
