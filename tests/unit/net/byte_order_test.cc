#include "podwarp/net/byte_order.h"

#include <gtest/gtest.h>

#include <cstring>

namespace podwarp {
namespace {

TEST(BigEndian, StandsInNetworkOrder) {
  const Be16 ether_type(0x0806);
  const uint8_t expected[] = {0x08, 0x06};
  EXPECT_EQ(std::memcmp(&ether_type, expected, 2), 0);
  const Be32 address(0x0a000102);
  const uint8_t expected_address[] = {10, 0, 1, 2};
  EXPECT_EQ(std::memcmp(&address, expected_address, 4), 0);
}

TEST(BigEndian, ConvertsBothWays) {
  EXPECT_EQ(Be16(0x1234).host(), 0x1234);
  EXPECT_EQ(Be32::FromRaw(Be32(0xdeadbeef).raw()).host(), 0xdeadbeef);
}

TEST(BigEndian, DoesNotConvertByItself) {
  EXPECT_FALSE((std::is_convertible_v<uint16_t, Be16>));
  EXPECT_FALSE((std::is_convertible_v<Be16, uint16_t>));
}

}  // namespace
}  // namespace podwarp
