#include "podwarp/table/maglev.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace podwarp {
namespace {

// As endpoints look: addresses one after the other, one port, one protocol.
std::vector<uint64_t> Seeds(size_t count) {
  std::vector<uint64_t> seeds;
  for (uint64_t i = 0; i < count; ++i) {
    seeds.push_back(__builtin_bswap32(static_cast<uint32_t>(0x0af40000 + i)) |
                    uint64_t{0x901f} << 32 | uint64_t{6} << 48);
  }
  return seeds;
}

// A hash in the middle of each of `count` equal parts of all hashes.
uint64_t HashOf(uint64_t part, uint64_t count) { return UINT64_MAX / count * part + count / 2; }

std::vector<uint32_t> Shares(const MaglevRing& ring, size_t backends) {
  std::vector<uint32_t> shares(backends);
  const uint64_t parts = ring.size() * 4;
  for (uint64_t i = 0; i < parts; ++i) ++shares[ring.Pick(HashOf(i, parts))];
  return shares;
}

TEST(MaglevRing, WithoutBackendsItIsEmpty) {
  EXPECT_EQ(MaglevRing().size(), 0u);
  EXPECT_EQ(MaglevRing(std::vector<uint64_t>()).size(), 0u);
}

TEST(MaglevRing, OneBackendGetsAllFromOnePlace) {
  const MaglevRing ring(Seeds(1));
  EXPECT_EQ(ring.size(), 1u);
  for (uint64_t hash : {uint64_t{0}, uint64_t{1}, UINT64_MAX / 2, UINT64_MAX}) {
    EXPECT_EQ(ring.Pick(hash), 0u);
  }
}

TEST(MaglevRing, TheWholeRangeOfHashesIsCovered) {
  for (size_t backends : {2u, 3u, 17u}) {
    const MaglevRing ring(Seeds(backends));
    EXPECT_LT(ring.Pick(0), backends);
    EXPECT_LT(ring.Pick(UINT64_MAX), backends);
  }
}

TEST(MaglevRing, EachBackendGetsItsEvenShare) {
  for (size_t backends : {2u, 3u, 5u, 10u, 16u, 17u, 100u, 128u, 1000u, 5000u}) {
    const std::vector<uint32_t> shares = Shares(MaglevRing(Seeds(backends)), backends);
    const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
    EXPECT_LE(*most, *least * 1.03) << backends << " backends";
  }
}

TEST(MaglevRing, TheMostBackendsThereCanBeAreAllServed) {
  const std::vector<uint32_t> shares =
      Shares(MaglevRing(Seeds(MaglevRing::kMaxBackends)), MaglevRing::kMaxBackends);
  EXPECT_GT(*std::min_element(shares.begin(), shares.end()), 0u);
}

TEST(MaglevRing, OnlyTheSeedsMatterNotTheirOrder) {
  const std::vector<uint64_t> seeds = Seeds(20);
  const MaglevRing ring(seeds);
  std::vector<uint64_t> shuffled = seeds;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
  ASSERT_NE(shuffled, seeds);
  const MaglevRing other(shuffled);
  for (uint64_t i = 0; i < 10'000; ++i) {
    const uint64_t hash = HashOf(i, 10'000);
    ASSERT_EQ(seeds[ring.Pick(hash)], shuffled[other.Pick(hash)]) << i;
  }
}

// How many of 10,000 hashes lead elsewhere though both rings have their backend.
uint32_t Moved(const std::vector<uint64_t>& before, const std::vector<uint64_t>& after) {
  const MaglevRing old(before);
  const MaglevRing now(after);
  uint32_t moved = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    const uint64_t was = before[old.Pick(HashOf(i, 10'000))];
    const bool stays = std::find(after.begin(), after.end(), was) != after.end();
    moved += stays && after[now.Pick(HashOf(i, 10'000))] != was;
  }
  return moved;
}

TEST(MaglevRing, MostHashesKeepTheirBackendWhenOneGoesOrComes) {
  for (size_t backends : {3u, 10u, 30u, 100u}) {
    const std::vector<uint64_t> all = Seeds(backends);
    for (size_t gone : {size_t{0}, backends / 2, backends - 1}) {
      std::vector<uint64_t> fewer = all;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(gone));
      EXPECT_LT(Moved(all, fewer), 1000u) << "without " << gone << " of " << backends;
      // One that comes takes its share from the others; few beyond that.
      EXPECT_LT(Moved(fewer, all), 1000u + 10'000 / backends) << gone << " comes to " << backends;
    }
  }
}

TEST(MaglevRing, ASecondBackendTakesAboutHalf) {
  const uint32_t moved = Moved(Seeds(1), Seeds(2));
  EXPECT_GT(moved, 4900u);
  EXPECT_LT(moved, 5100u);
}

}  // namespace
}  // namespace podwarp
