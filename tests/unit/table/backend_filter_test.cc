#include "podwarp/table/backend_filter.h"

#include <gtest/gtest.h>

namespace podwarp {
namespace {

// As an endpoint stands in memory: an address, a port, a protocol.
uint64_t PodEndpoint(uint32_t number, uint16_t port) {
  return __builtin_bswap32(0x0a000000 + number) | uint64_t{__builtin_bswap16(port)} << 32 |
         uint64_t{6} << 48;
}

class BackendFilterTest : public testing::Test {
 protected:
  // Of 10,000 that were never added, from `first` on.
  uint32_t WronglyHas(uint32_t first, uint16_t port) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < 10'000; ++i) wrong += filter_.MayHave(PodEndpoint(first + i, port));
    return wrong;
  }

  Rcu rcu_{1};
  BackendFilter filter_{&rcu_};
};

TEST_F(BackendFilterTest, EmptyHasNothing) {
  EXPECT_EQ(WronglyHas(0, 80), 0u);
  EXPECT_EQ(filter_.bits(), 65'536u);
}

TEST_F(BackendFilterTest, WhatWasAddedTwiceIsThereUntilTheSecondRemoval) {
  filter_.Add(PodEndpoint(1, 80));
  filter_.Add(PodEndpoint(1, 80));
  EXPECT_EQ(filter_.size(), 1u);
  filter_.Remove(PodEndpoint(1, 80));
  EXPECT_TRUE(filter_.MayHave(PodEndpoint(1, 80)));
  filter_.Remove(PodEndpoint(1, 80));
  EXPECT_FALSE(filter_.MayHave(PodEndpoint(1, 80)));
}

TEST_F(BackendFilterTest, HasAllWhileItGrowsAndSharesBits) {
  constexpr uint32_t kMany = 20'000;
  for (uint32_t i = 0; i < kMany; ++i) {
    filter_.Add(PodEndpoint(i, 8080));
    ASSERT_TRUE(filter_.MayHave(PodEndpoint(i, 8080))) << i;
    ASSERT_TRUE(filter_.MayHave(PodEndpoint(i / 2, 8080))) << i;
  }
  EXPECT_GE(filter_.bits(), kMany * 32);
  // So many share bits with others that go.
  for (uint32_t i = 0; i < kMany; i += 2) filter_.Remove(PodEndpoint(i, 8080));
  for (uint32_t i = 1; i < kMany; i += 2) {
    ASSERT_TRUE(filter_.MayHave(PodEndpoint(i, 8080))) << i;
  }
  for (uint32_t i = 1; i < kMany; i += 2) filter_.Remove(PodEndpoint(i, 8080));
  EXPECT_EQ(filter_.size(), 0u);
  EXPECT_EQ(WronglyHas(0, 8080), 0u);
}

// Other pods with the same port, the same pods with other ports: at most one in 16 is let through.
TEST_F(BackendFilterTest, FewOthersAreLetThrough) {
  for (uint32_t i = 0; i < 2'000; ++i) filter_.Add(PodEndpoint(i, 8080));
  EXPECT_LE(WronglyHas(10'000, 8080), 625u);
  EXPECT_LE(WronglyHas(0, 40'000), 625u);
  EXPECT_LE(WronglyHas(1 << 16, 8081), 625u);
}

// 300 endpoints whose bit is the first: more than are counted.
TEST_F(BackendFilterTest, ABitThatVeryManyShareStays) {
  const auto in_first_bit = [](uint64_t i) {
    // The inverse of the hash's multiplier: products up to 2^48 have only zeros in their first 16.
    uint64_t inverse = 1;
    for (int round = 0; round < 6; ++round) inverse *= 2 - 0x9e3779b97f4a7c15 * inverse;
    return i * inverse;
  };
  for (uint64_t i = 0; i < 300; ++i) filter_.Add(in_first_bit(i));
  for (uint64_t i = 1; i < 300; ++i) filter_.Remove(in_first_bit(i));
  EXPECT_TRUE(filter_.MayHave(in_first_bit(0)));
}

}  // namespace
}  // namespace podwarp
