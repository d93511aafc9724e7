// Single things that a hostile guest can do, each of which must harm nobody: see
// hostile_peer_test.cc for all of them together, at random.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <memory>
#include <string>
#include <vector>

#include "unit/port/hostile_fixture.h"

namespace podwarp::test {
namespace {

constexpr uint16_t kSendRing = 1;
constexpr uint16_t kReceiveRing = 0;

class HostileCase : public HostileFixture {
 protected:
  // False if the guest is refused for what it is.
  bool TryToConnect(VirtioPeerOptions options) {
    auto peer = VirtioPeer::Create(std::move(options));
    EXPECT_TRUE(peer.ok()) << peer.status();
    peer_ = *std::move(peer);
    return peer_->Connect(socket_).ok();
  }
  void Connect(VirtioPeerOptions options) {
    ASSERT_TRUE(TryToConnect(std::move(options)));
    ASSERT_TRUE(Eventually([&] { return pods_->IsUp(1); }));
  }
  void TearDown() override {
    ExpectAllWell("all");
    peer_.reset();
    HostileFixture::TearDown();
  }

  // Not done, and not answered in some way of its own.
  static void ExpectRefused(const absl::Status& status) {
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("the back end refused"));
  }
  template <typename Payload>
  absl::Status Tell(VhostUserRequest request, const Payload& payload,
                    const std::vector<int>& files = {}) {
    return peer_->client().Tell(request, payload, files);
  }
  void Restart(uint16_t ring) {
    const Notifier& notifier = peer_->vring(ring).notifier;
    Tell(VhostUserRequest::kSetVringCall, uint64_t{ring}, {notifier.call_fd()}).IgnoreError();
    Tell(VhostUserRequest::kSetVringKick, uint64_t{ring}, {notifier.kick_fd()}).IgnoreError();
    Tell(VhostUserRequest::kSetVringEnable, VhostUserVringState{.index = ring, .num = 1})
        .IgnoreError();
    peer_->vring(ring).notifier.Kick();
  }
  VhostUserVringAddress AddressOf(uint16_t ring) {
    const VringLayout& layout = peer_->vring(ring).layout;
    return {.index = ring,
            .flags = 0,
            .desc = reinterpret_cast<uint64_t>(layout.table.data),
            .used = reinterpret_cast<uint64_t>(layout.device.data),
            .avail = reinterpret_cast<uint64_t>(layout.driver.data),
            .log = 0};
  }
  // Descriptors of `bytes` each, and an available index `shown` further.
  void Show(uint16_t ring, uint32_t bytes, uint16_t shown) {
    const VringLayout& layout = peer_->vring(ring).layout;
    const uint16_t flags = ring == kReceiveRing ? kDescWrite : 0;
    for (uint16_t i = 0; i < layout.size; ++i) {
      layout.desc()[i] = {
          .addr = peer_->memory().regions()[0].address, .len = bytes, .flags = flags, .next = 0};
      layout.avail()->ring[i] = i;
    }
    const auto index = static_cast<uint16_t>(layout.used()->idx + shown);
    __atomic_store_n(&layout.avail()->idx, index, __ATOMIC_RELEASE);
    peer_->vring(ring).notifier.Kick();
  }

  std::unique_ptr<VirtioPeer> peer_;
};

TEST_F(HostileCase, StartsAStoppedRingWithoutItsSize) {
  Connect({.features = kPlainFeatures});
  const auto base = peer_->client().Ask<VhostUserVringState>(
      VhostUserRequest::kGetVringBase, VhostUserVringState{.index = kSendRing, .num = 0});
  ASSERT_TRUE(base.ok()) << base.status();
  EXPECT_TRUE(Tell(VhostUserRequest::kSetVringAddr, AddressOf(kSendRing)).ok());
  Restart(kSendRing);
  Show(kSendRing, 100, 20);
}

// librte_vhost takes a burst from a ring that says it has one, and notes it where it has room for
// as many frames as the ring has entries.
TEST_F(HostileCase, HasARingShorterThanABurst) {
  EXPECT_FALSE(TryToConnect({.ring_size = 16, .features = kPlainFeatures}));
}

TEST_F(HostileCase, SharesMemoryThatIsNone) {
  Connect({.features = kPlainFeatures});
  Show(kSendRing, 100, 20);
  VhostUserMemory table{.regions = 1};
  table.region[0] = {.guest_address = 0, .bytes = 4096, .user_address = 0, .mapping_offset = 0};
  const FileDescriptor folder(open("/", O_RDONLY));
  for (uint16_t i = 0; i < 100; ++i) {
    ExpectRefused(peer_->client().Tell(VhostUserRequest::kSetMemTable,
                                       {reinterpret_cast<const uint8_t*>(&table), 40},
                                       {folder.get()}));
    Show(kSendRing, 100, 20);
  }
}

TEST_F(HostileCase, SendsDescriptorsThatNobodyAskedFor) {
  Connect({.features = kPlainFeatures});
  const FileDescriptor file(eventfd(0, 0));
  const std::vector<int> files(8, file.get());
  for (uint32_t i = 0; i < 100; ++i) {
    const VhostUserVringState size{.index = i % 50, .num = 1u << (i % 32)};
    Tell(VhostUserRequest::kSetVringNum, size, files).IgnoreError();
  }
}

TEST_F(HostileCase, BeginsBeyondItsPackedRing) {
  Connect({.features = kPlainFeatures | kRingPacked});
  ExpectRefused(Tell(VhostUserRequest::kSetVringBase,
                     VhostUserVringState{.index = kSendRing, .num = 0x7fff}));
  peer_->vring(kSendRing).notifier.Kick();
}

TEST_F(HostileCase, ResizesARunningRing) {
  Connect({.features = kPlainFeatures});
  ExpectRefused(
      Tell(VhostUserRequest::kSetVringNum, VhostUserVringState{.index = kSendRing, .num = 4096}));
  Show(kSendRing, 100, 0x1000);
}

TEST_F(HostileCase, WantsMemoryForFramesInFlight) {
  struct Inflight {
    uint64_t mmap_size;
    uint64_t mmap_offset;
    uint16_t queues;
    uint16_t size;
    uint32_t padding;
  };
  Connect({.features = kPlainFeatures});
  const FileDescriptor file(memfd_create("inflight", 0));
  ASSERT_EQ(ftruncate(file.get(), 4096), 0);
  ExpectRefused(Tell(VhostUserRequest::kSetInflightFd,
                     Inflight{.mmap_size = 4096, .queues = 2, .size = 65'535}, {file.get()}));
  // 32 MiB here; up to 64 GiB with larger numbers.
  EXPECT_FALSE(
      peer_->client()
          .Ask<Inflight>(VhostUserRequest::kGetInflightFd, Inflight{.queues = 64, .size = 32'767})
          .ok());
}

TEST_F(HostileCase, HasItsDirtyPagesLoggedElsewhere) {
  struct Log {
    uint64_t mmap_size;
    uint64_t mmap_offset;
  };
  Connect({.features = kPlainFeatures | kVhostLogAll});
  const FileDescriptor file(memfd_create("log", 0));
  ASSERT_EQ(ftruncate(file.get(), 1 << 20), 0);
  // It would be mapped from the offset on, and written to so much further on again.
  ExpectRefused(peer_->client().Tell(VhostUserRequest::kSetLogBase,
                                     Log{.mmap_size = 1 << 18, .mmap_offset = 1 << 19},
                                     {file.get()}));
}

TEST_F(HostileCase, WantsToServePageFaults) {
  Connect({.features = kPlainFeatures});
  ExpectRefused(peer_->client().Tell(VhostUserRequest::kPostcopyAdvise, {}, {}));
}

TEST_F(HostileCase, HasItsUsedIndexCrossACacheLine) {
  Connect({.features = kPlainFeatures});
  VhostUserVringAddress address = AddressOf(kSendRing);
  address.used += 61;
  ExpectRefused(Tell(VhostUserRequest::kSetVringAddr, address));
}

TEST_F(HostileCase, AsksAndNeverListens) {
  Connect({.features = kPlainFeatures});
  auto stream = UnixStream::Connect(socket_, absl::Seconds(1));
  ASSERT_TRUE(stream.ok()) << stream.status();
  const VhostUserHeader question{.request = 1, .flags = kVhostUserVersion, .payload_bytes = 0};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&question);
  while (stream->Send({bytes, sizeof(question)}, {}, absl::Milliseconds(50)).ok()) {
  }
  ExpectAllWell("questions");
}

}  // namespace
}  // namespace podwarp::test
