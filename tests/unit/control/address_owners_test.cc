#include "control/address_owners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const Ipv4Prefix kHostPrefix = "10.244.1.10/32"_prefix;

Adjacency Toward(uint32_t owner) {
  Adjacency adjacency;
  adjacency.kind = NextHopKind::kPod;
  adjacency.owner = owner;
  return adjacency;
}

class AddressOwnersTest : public testing::Test {
 protected:
  static constexpr uint32_t kCapacity = 64;

  AddressOwnersTest() {
    EXPECT_TRUE(owners_.Add("pod a", Toward(1)).ok());
    EXPECT_TRUE(owners_.Add("pod b", Toward(2)).ok());
  }

  // Whose adjacency a frame to the address would take; 0: nobody's.
  uint32_t Found(Ipv4Address address) const {
    return tables_.adjacencies[tables_.routes.Lookup(address)].owner;
  }
  uint32_t Found() const { return Found(kHostPrefix.network()); }
  absl::Status Claim(const std::string& name, uint64_t generation) {
    return owners_.Claim(name, kHostPrefix, generation);
  }
  absl::Status Release(const std::string& name, uint64_t generation) {
    return owners_.Release(name, kHostPrefix, generation);
  }

  Tables tables_{/*workers=*/1, kCapacity};
  AddressOwners owners_{&tables_};
};

TEST_F(AddressOwnersTest, AnOwnerIsAddedOnce) {
  EXPECT_EQ(owners_.Add("pod a", Toward(3)).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(tables_.adjacencies.size(), 2u);
}

TEST_F(AddressOwnersTest, AClaimedAddressLeadsToItsOwner) {
  ASSERT_TRUE(Claim("pod a", 1).ok());
  EXPECT_EQ(Found(), 1u);
  EXPECT_EQ(owners_.HolderOf(kHostPrefix), "pod a");
  EXPECT_EQ(owners_.OwnerOf(kHostPrefix.network()), "pod a");
  EXPECT_THAT(owners_.Find("pod a")->prefixes, testing::ElementsAre(kHostPrefix));
}

TEST_F(AddressOwnersTest, WhatNobodyHasLeadsNowhere) {
  EXPECT_EQ(Found(), 0u);
  EXPECT_EQ(owners_.HolderOf(kHostPrefix), "");
  EXPECT_EQ(owners_.OwnerOf(kHostPrefix.network()), "");
  EXPECT_EQ(owners_.Find("pod c"), nullptr);
}

TEST_F(AddressOwnersTest, NobodyCanBeChangedWhoIsNotThere) {
  EXPECT_EQ(Claim("pod c", 1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(owners_.Change("pod c", Toward(3)).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(owners_.Remove("pod c").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(tables_.routes.size() == 0);
}

TEST_F(AddressOwnersTest, AnAddressMovesToWhoClaimsItLater) {
  ASSERT_TRUE(Claim("pod a", 1).ok());
  ASSERT_TRUE(Claim("pod b", 2).ok());
  EXPECT_EQ(Found(), 2u);
  EXPECT_TRUE(owners_.Find("pod a")->prefixes.empty());
  ASSERT_TRUE(owners_.Remove("pod a").ok());
  EXPECT_EQ(Found(), 2u);
}

TEST_F(AddressOwnersTest, AnOlderClaimIsRefusedAndNamesBoth) {
  ASSERT_TRUE(Claim("pod a", 7).ok());
  const absl::Status refused = Claim("pod b", 6);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("10.244.1.10/32"), HasSubstr("generation 6"),
                    HasSubstr("generation 7"), HasSubstr("pod a")));
  EXPECT_EQ(Found(), 1u);
  EXPECT_TRUE(owners_.Find("pod b")->prefixes.empty());
}

TEST_F(AddressOwnersTest, AnOlderReleaseIsRefused) {
  ASSERT_TRUE(Claim("pod a", 7).ok());
  EXPECT_EQ(Release("pod a", 6).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Found(), 1u);
}

TEST_F(AddressOwnersTest, AnOlderClaimRevivesNothingThatWasReleased) {
  ASSERT_TRUE(Claim("pod a", 5).ok());
  ASSERT_TRUE(Release("pod a", 7).ok());
  EXPECT_EQ(Found(), 0u);
  const absl::Status refused = Claim("pod a", 6);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("released"));
  EXPECT_EQ(Found(), 0u);
  EXPECT_TRUE(Claim("pod a", 8).ok());
}

TEST_F(AddressOwnersTest, AnOlderClaimRevivesNothingThatWasRemoved) {
  ASSERT_TRUE(Claim("pod a", 5).ok());
  ASSERT_TRUE(owners_.Remove("pod a").ok());
  EXPECT_EQ(Found(), 0u);
  EXPECT_EQ(Claim("pod b", 4).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(owners_.Add("pod a", Toward(3)).ok());
  EXPECT_EQ(Claim("pod a", 4).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Found(), 0u);
}

// The two changes of a pod that came and went can arrive the wrong way round.
TEST_F(AddressOwnersTest, AReleaseThatCameBeforeItsClaimIsRemembered) {
  ASSERT_TRUE(Release("pod a", 6).ok());
  EXPECT_EQ(Claim("pod a", 5).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Found(), 0u);
}

TEST_F(AddressOwnersTest, AReleaseByAFormerHolderChangesNothing) {
  ASSERT_TRUE(Claim("pod a", 1).ok());
  ASSERT_TRUE(Claim("pod b", 2).ok());
  EXPECT_TRUE(Release("pod a", 4).ok());
  EXPECT_EQ(Found(), 2u);
  EXPECT_EQ(owners_.HolderOf(kHostPrefix), "pod b");
  // Nor does it make a change of the true holder, older than itself, a late one.
  EXPECT_TRUE(Claim("pod b", 3).ok());
}

TEST_F(AddressOwnersTest, AnAddressFallsBackToTheWiderRange) {
  ASSERT_TRUE(owners_.Add("range", Toward(9)).ok());
  ASSERT_TRUE(owners_.Claim("range", Ipv4Prefix(kHostPrefix.network(), 16), 1).ok());
  EXPECT_EQ(Found(), 9u);
  ASSERT_TRUE(Claim("pod a", 2).ok());
  EXPECT_EQ(Found(), 1u);
  ASSERT_TRUE(Release("pod a", 3).ok());
  EXPECT_EQ(Found(), 9u);
  EXPECT_EQ(owners_.OwnerOf(kHostPrefix.network()), "range");
  ASSERT_TRUE(Claim("pod a", 4).ok());
  ASSERT_TRUE(owners_.Remove("pod a").ok());
  EXPECT_EQ(Found(), 9u);
}

TEST_F(AddressOwnersTest, AChangeMovesAllAddresses) {
  std::vector<Ipv4Address> addresses;
  for (uint8_t i = 1; i <= 20; ++i) {
    addresses.emplace_back(10, 244, i, i);
    ASSERT_TRUE(owners_.Claim("pod a", Ipv4Prefix::Host(addresses.back()), 1).ok());
  }
  const AdjacencyIndex before = owners_.Find("pod a")->adjacency;
  AdjacencyIndex when_published = kNoAdjacency;
  uint32_t entries_when_published = 0;
  ASSERT_TRUE(owners_
                  .Change("pod a", Toward(5),
                          [&] {
                            when_published = owners_.Find("pod a")->adjacency;
                            entries_when_published = tables_.adjacencies.size();
                            for (const auto& address : addresses) EXPECT_EQ(Found(address), 5u);
                          })
                  .ok());
  EXPECT_NE(when_published, before);
  EXPECT_EQ(entries_when_published, 3u);  // the old one is still there
  EXPECT_EQ(tables_.adjacencies.size(), 2u);
  for (const Ipv4Address& address : addresses) {
    EXPECT_EQ(Found(address), 5u);
    EXPECT_EQ(owners_.OwnerOf(address), "pod a");
  }
}

TEST_F(AddressOwnersTest, AnIndexIsUsedAgainOnlyAfterAGracePeriod) {
  tables_.rcu.Register(0);
  tables_.rcu.Online(0);
  const AdjacencyIndex removed = owners_.Find("pod b")->adjacency;
  const AdjacencyIndex changed = owners_.Find("pod a")->adjacency;
  ASSERT_TRUE(owners_.Remove("pod b").ok());
  ASSERT_TRUE(owners_.Change("pod a", Toward(1)).ok());
  // A reader that is in the middle of a burst keeps both as they were.
  std::vector<AdjacencyIndex> given;
  for (int i = 0; given.size() + 4 < kCapacity; ++i) {
    const std::string name = absl::StrCat("pod ", i);
    ASSERT_TRUE(owners_.Add(name, Toward(100)).ok());
    given.push_back(owners_.Find(name)->adjacency);
    tables_.rcu.Poll();
  }
  EXPECT_THAT(given, testing::Not(testing::Contains(testing::AnyOf(removed, changed))));
  EXPECT_EQ(tables_.adjacencies[removed].owner, 2u);
  EXPECT_EQ(owners_.Add("one too many", Toward(100)).code(), absl::StatusCode::kResourceExhausted);

  tables_.rcu.Quiescent(0);
  EXPECT_TRUE(owners_.Add("pod c", Toward(101)).ok());
  EXPECT_TRUE(owners_.Add("pod d", Toward(102)).ok());
  tables_.rcu.Offline(0);
  tables_.rcu.Unregister(0);
}

TEST_F(AddressOwnersTest, AChangeThatFindsNoRoomChangesNothing) {
  ASSERT_TRUE(Claim("pod a", 1).ok());
  for (uint32_t i = tables_.adjacencies.size(); i + 1 < kCapacity; ++i) {
    ASSERT_TRUE(owners_.Add(absl::StrCat("pod ", i), Toward(100)).ok());
  }
  EXPECT_EQ(owners_.Change("pod a", Toward(5)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Found(), 1u);
  EXPECT_EQ(owners_.Add("one too many", Toward(6)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(owners_.Find("one too many"), nullptr);
}

// A reader finds its way at every moment of a change: by the old place or by the new one.
TEST_F(AddressOwnersTest, NeitherAChangeNorAMoveLeavesAMomentWithoutRoute) {
  constexpr int kChanges = 20'000;
  const Ipv4Address moving = kHostPrefix.network();
  const Ipv4Address changing = "10.244.1.11"_ip;
  ASSERT_TRUE(Claim("pod a", 1).ok());
  ASSERT_TRUE(owners_.Add("node", Toward(3)).ok());
  ASSERT_TRUE(owners_.Claim("node", Ipv4Prefix::Host(changing), 1).ok());

  std::atomic<bool> started = false;
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> wrong = 0;
  tables_.rcu.Register(0);
  std::thread reader([&] {
    tables_.rcu.Online(0);
    while (!stop) {
      const uint32_t pod = Found(moving);
      const uint32_t node = Found(changing);
      if ((pod != 1 && pod != 2) || node != 3) ++wrong;
      tables_.rcu.Quiescent(0);
      started = true;
    }
    tables_.rcu.Offline(0);
  });
  while (!started) std::this_thread::yield();
  for (uint64_t i = 2; i < kChanges; ++i) {
    ASSERT_TRUE(Claim(i % 2 == 0 ? "pod b" : "pod a", i).ok());
    while (!owners_.Change("node", Toward(3)).ok()) std::this_thread::yield();
    tables_.rcu.Poll();
  }
  stop = true;
  reader.join();
  tables_.rcu.Unregister(0);
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace podwarp::test
