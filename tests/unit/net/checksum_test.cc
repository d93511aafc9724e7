#include "podwarp/net/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace podwarp {
namespace {

// RFC 1071, section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
TEST(Checksum, ExampleOfRfc1071) {
  const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(Be16::FromRaw(ChecksumSum(data, sizeof(data))).host(), 0xddf2);
  EXPECT_EQ(InternetChecksum(data, sizeof(data)).host(), 0x220d);
}

TEST(Checksum, OddLengthIsPaddedWithZero) {
  const uint8_t odd[] = {0x12, 0x34, 0x56};
  const uint8_t even[] = {0x12, 0x34, 0x56, 0x00};
  EXPECT_EQ(ChecksumSum(odd, 3), ChecksumSum(even, 4));
}

Ipv4Header RandomHeader(std::mt19937& random) {
  Ipv4Header header;
  uint8_t bytes[sizeof(header)];
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  std::memcpy(&header, bytes, sizeof(header));
  header.version_and_length = 0x45;
  header.checksum = Be16(0);
  header.checksum = InternetChecksum(&header, sizeof(header));
  return header;
}

TEST(Checksum, DecrementTtlKeepsTheChecksumRight) {
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i) {
    Ipv4Header header = RandomHeader(random);
    if (header.time_to_live == 0) continue;
    const uint8_t before = header.time_to_live;
    ASSERT_TRUE(Ipv4ChecksumIsRight(&header));
    DecrementTtl(&header);
    EXPECT_EQ(header.time_to_live, before - 1);
    ASSERT_TRUE(Ipv4ChecksumIsRight(&header));
  }
}

TEST(Checksum, UpdateAgreesWithComputingAnew) {
  std::mt19937 random(2);
  for (int i = 0; i < 100000; ++i) {
    Ipv4Header header = RandomHeader(random);
    const Be16 replacement(static_cast<uint16_t>(random()));
    header.checksum =
        UpdateChecksum(header.checksum, header.identification.raw(), replacement.raw());
    header.identification = replacement;
    ASSERT_TRUE(Ipv4ChecksumIsRight(&header));
  }
}

TEST(Checksum, AFlippedBitIsSeen) {
  std::mt19937 random(3);
  Ipv4Header header = RandomHeader(random);
  for (size_t bit = 0; bit < 8 * sizeof(header); ++bit) {
    Ipv4Header damaged = header;
    reinterpret_cast<uint8_t*>(&damaged)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(Ipv4ChecksumIsRight(&damaged)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace podwarp
