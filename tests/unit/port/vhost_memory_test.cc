// Addresses of a guest, and frames that lie across its regions.
#include "port/vhost_memory.h"

#include <gtest/gtest.h>
#include <rte_vhost.h>

#include <memory>
#include <numeric>
#include <vector>

#include "port/vhost_frame.h"

namespace podwarp::test {
namespace {

class VhostMemoryTest : public testing::Test {
 protected:
  VhostMemoryTest() {
    // Two that follow on each other, but not here; one that ends where addresses do.
    Share({{0x1000, low_}, {0x1100, high_}, {uint64_t{0} - 0x100, last_}});
  }

  struct Shared {
    uint64_t address;
    std::vector<uint8_t>& bytes;
  };
  void Share(const std::vector<Shared>& regions) {
    const size_t bytes = sizeof(rte_vhost_memory) + regions.size() * sizeof(rte_vhost_mem_region);
    std::vector<uint64_t> room(bytes / sizeof(uint64_t) + 1);
    auto* table = reinterpret_cast<rte_vhost_memory*>(room.data());
    table->nregions = static_cast<uint32_t>(regions.size());
    for (size_t i = 0; i < regions.size(); ++i) {
      table->regions[i].guest_phys_addr = regions[i].address;
      table->regions[i].size = regions[i].bytes.size();
      table->regions[i].host_user_addr = reinterpret_cast<uint64_t>(regions[i].bytes.data());
    }
    ASSERT_TRUE(memory_.Assign(*table));
  }

  std::vector<uint8_t> low_ = std::vector<uint8_t>(0x100);
  std::vector<uint8_t> high_ = std::vector<uint8_t>(0x100);
  std::vector<uint8_t> last_ = std::vector<uint8_t>(0x100);
  VhostMemory memory_;
};

TEST_F(VhostMemoryTest, FindsWhatIsInOneRegion) {
  VhostAddressFinder finder(memory_);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(finder.Find(0x1000, 0x100), low_.data());
    EXPECT_EQ(finder.Find(0x1110, 0xf0), high_.data() + 0x10);
    EXPECT_EQ(finder.Find(uint64_t{0} - 1, 1), last_.data() + 0xff);
  }
}

TEST_F(VhostMemoryTest, FindsNothingElse) {
  VhostAddressFinder finder(memory_);
  EXPECT_EQ(finder.Find(0xfff, 1), nullptr);
  EXPECT_EQ(finder.Find(0x1200, 1), nullptr);
  EXPECT_EQ(finder.Find(0x1000, 0x101), nullptr);
  EXPECT_EQ(finder.Find(0x10ff, 2), nullptr);
  EXPECT_EQ(finder.Find(0x1001, ~uint64_t{0}), nullptr);
  EXPECT_EQ(finder.Find(uint64_t{0} - 1, 2), nullptr);
  EXPECT_EQ(finder.Find(0, 0), nullptr);
  EXPECT_EQ(VhostAddressFinder(VhostMemory()).Find(0, 0), nullptr);
}

TEST_F(VhostMemoryTest, KnowsWhatItHolds) {
  EXPECT_TRUE(memory_.Holds(low_.data(), 0x100));
  EXPECT_TRUE(memory_.Holds(high_.data() + 0xff, 1));
  EXPECT_FALSE(memory_.Holds(low_.data(), 0x101));
  EXPECT_FALSE(memory_.Holds(low_.data() + 0x80, ~size_t{0}));
  EXPECT_FALSE(memory_.Holds(nullptr, 1));
  EXPECT_FALSE(memory_.Holds(&memory_, 1));
}

TEST_F(VhostMemoryTest, CrossesFromRegionToRegion) {
  std::vector<uint8_t> bytes(0x80);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  VhostPieces to(memory_);
  ASSERT_TRUE(to.Add(0x10c0, 0x80));
  EXPECT_EQ(to.bytes(), 0x80u);
  to.Write(bytes.data(), 0x30);
  to.Write(bytes.data() + 0x30, 0x50);
  EXPECT_EQ(std::vector(low_.begin() + 0xc0, low_.end()),
            std::vector(bytes.begin(), bytes.begin() + 0x40));
  EXPECT_EQ(std::vector(high_.begin(), high_.begin() + 0x40),
            std::vector(bytes.begin() + 0x40, bytes.end()));
  VhostPieces from(memory_);
  ASSERT_TRUE(from.Add(0x10c0, 0x80));
  std::vector<uint8_t> read(0x80);
  from.Read(read.data(), 0x7f);
  from.Read(read.data() + 0x7f, 1);
  EXPECT_EQ(read, bytes);
}

TEST_F(VhostMemoryTest, GoesNowhereElse) {
  EXPECT_FALSE(VhostPieces(memory_).Add(0x11c0, 0x80));
  EXPECT_FALSE(VhostPieces(memory_).Add(0xfff, 2));
  EXPECT_FALSE(VhostPieces(memory_).Add(uint64_t{0} - 0x10, 0x20));
  EXPECT_FALSE(VhostPieces(memory_).Add(0x2000, 0));
}

TEST_F(VhostMemoryTest, EndsChainsOfNothing) {
  VhostPieces pieces(memory_);
  int count = 0;
  while (pieces.Add(0x1000, 0)) ASSERT_LT(++count, 1000);
  EXPECT_EQ(pieces.bytes(), 0u);
}

// Neither reads nor writes beyond the end, which the address sanitizer would tell.
TEST(CopyBytes, CopiesThatMuchAndNoMore) {
  for (uint32_t count = 0; count < 700; ++count) {
    std::vector<uint8_t> from(count);
    std::iota(from.begin(), from.end(), uint8_t{1});
    std::vector<uint8_t> to(count + 1, 0xee);
    CopyBytes(to.data(), from.data(), count);
    EXPECT_EQ(to.back(), 0xee);
    to.pop_back();
    EXPECT_EQ(to, from);
  }
}

}  // namespace
}  // namespace podwarp::test
