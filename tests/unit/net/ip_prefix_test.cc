#include "podwarp/net/ip_prefix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podwarp {
namespace {

TEST(Ipv4Address, ParsesAndPrints) {
  EXPECT_EQ(*Ipv4Address::Parse("10.244.1.10"), Ipv4Address(10, 244, 1, 10));
  EXPECT_EQ(Ipv4Address(10, 244, 1, 10).ToString(), "10.244.1.10");
  EXPECT_EQ(Ipv4Address(10, 244, 1, 10).value(), 0x0af4010au);
  for (const char* text : {"", "10.244.1", "10.244.1.256", "10.244.1.1.1", "a.b.c.d", "10.1.1.1 "})
    EXPECT_FALSE(Ipv4Address::Parse(text).ok()) << text;
}

TEST(Ipv4Address, OrderIsThatOfNumbers) {
  EXPECT_LT(Ipv4Address(1, 0, 0, 2), Ipv4Address(2, 0, 0, 1));
}

TEST(Ipv4Address, Kinds) {
  EXPECT_TRUE(Ipv4Address(10, 0, 0, 1).is_host());
  EXPECT_FALSE(Ipv4Address(0, 0, 0, 1).is_host());
  EXPECT_FALSE(Ipv4Address(127, 0, 0, 1).is_host());
  EXPECT_FALSE(Ipv4Address(224, 0, 0, 1).is_host());
  EXPECT_FALSE(Ipv4Address(240, 0, 0, 1).is_host());
  EXPECT_FALSE(Ipv4Address(255, 255, 255, 255).is_host());
  EXPECT_TRUE(Ipv4Address(239, 255, 255, 255).is_multicast());
  EXPECT_FALSE(Ipv4Address(240, 0, 0, 0).is_multicast());
}

TEST(Ipv4Prefix, ParsesAndPrints) {
  const auto prefix = Ipv4Prefix::Parse("10.244.0.0/16");
  ASSERT_TRUE(prefix.ok());
  EXPECT_EQ(prefix->ToString(), "10.244.0.0/16");
  EXPECT_EQ(prefix->last(), Ipv4Address(10, 244, 255, 255));
  EXPECT_EQ(Ipv4Prefix::Parse("0.0.0.0/0")->mask(), 0u);
  EXPECT_EQ(Ipv4Prefix::Parse("1.2.3.4/32")->mask(), 0xffffffffu);
  for (const char* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "x/8"})
    EXPECT_FALSE(Ipv4Prefix::Parse(text).ok()) << text;
}

TEST(Ipv4Prefix, NamesTheRangeThatWasMeant) {
  const auto prefix = Ipv4Prefix::Parse("10.244.1.7/24");
  EXPECT_THAT(std::string(prefix.status().message()), testing::HasSubstr("10.244.1.0/24"));
}

TEST(Ipv4Prefix, ContainsAndOverlaps) {
  const Ipv4Prefix wide(Ipv4Address(10, 244, 0, 0), 16);
  const Ipv4Prefix narrow(Ipv4Address(10, 244, 7, 0), 24);
  const Ipv4Prefix other(Ipv4Address(10, 245, 0, 0), 16);
  EXPECT_TRUE(wide.Contains(narrow));
  EXPECT_FALSE(narrow.Contains(wide));
  EXPECT_TRUE(wide.Overlaps(narrow));
  EXPECT_TRUE(narrow.Overlaps(wide));
  EXPECT_FALSE(wide.Overlaps(other));
  EXPECT_TRUE(Ipv4Prefix().Contains(other));
  EXPECT_TRUE(wide.Contains(Ipv4Address(10, 244, 255, 255)));
  EXPECT_FALSE(wide.Contains(Ipv4Address(10, 245, 0, 0)));
}

}  // namespace
}  // namespace podwarp
