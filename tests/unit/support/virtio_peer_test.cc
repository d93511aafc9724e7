// VirtioPeer as a device and a front end, against librte_vhost, in one process.
#include "support/virtio_peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/eventually.h"
#include "support/literals.h"
#include "unit/support/virtio_peer_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST_F(VirtioPeerTest, JoinsMergedBuffers) {
  for (const uint64_t ring : {uint64_t{0}, kRingPacked}) {
    Open({.ring_size = 64, .features = kGuestFeatures | ring, .receive_buffer_bytes = 512});
    const std::vector<GuestFrame> sent = {Frame(1, 9000), Frame(2, 60),   Frame(3, 500),
                                          Frame(4, 501),  Frame(5, 1012), Frame(6, 1013)};
    for (size_t round = 0; round < 10; ++round) {
      ASSERT_EQ(Deliver(0, sent), sent.size());
      const std::vector<GuestFrame> received = peer_->Receive(0);
      ASSERT_EQ(BytesOf(received), BytesOf(sent));
      const std::vector<uint16_t> buffers = {18, 1, 1, 2, 2, 3};
      for (size_t i = 0; i < sent.size(); ++i) {
        EXPECT_EQ(received[i].header.num_buffers, buffers[i]) << sent[i].bytes.size() << " bytes";
      }
    }
  }
}

TEST_F(VirtioPeerTest, TakesLongFramesIntoOneBufferWithoutMerging) {
  Open({.ring_size = 32,
        .features = kPlainFeatures | kOffloadFeatures,
        .receive_buffer_bytes = 66'000});
  ASSERT_EQ(Deliver(0, {Frame(1, 65'000)}), 1u);
  EXPECT_EQ(BytesOf(peer_->Receive(0)), BytesOf(std::vector{Frame(1, 65'000)}));
}

TEST_F(VirtioPeerTest, CarriesVirtioHeadersBothWays) {
  const Packet packet = Ethernet("02:00:00:00:00:01"_mac, "02:00:00:00:00:02"_mac) /
                        Ipv4("10.0.0.1"_ip, "10.0.0.2"_ip) / Tcp(1, 2).PartialChecksum() /
                        Payload(3000);
  for (const uint64_t ring : {uint64_t{0}, kRingPacked}) {
    Open({.ring_size = 32, .features = kGuestFeatures | ring, .send_buffer_bytes = 4096});
    const GuestFrame frame{.bytes = packet.bytes(),
                           .header = {.flags = kHeaderNeedsCsum,
                                      .gso_type = kGsoTcp4,
                                      .hdr_len = 54,
                                      .gso_size = 1460,
                                      .csum_start = 34,
                                      .csum_offset = 16}};
    ASSERT_EQ(peer_->Send(0, {{frame}}), 1u);
    const std::vector<MbufPtr> taken = back_end_->Dequeue(0);
    ASSERT_THAT(taken, SizeIs(1));
    EXPECT_EQ(FromMbuf(taken[0].get()), packet);
    EXPECT_EQ(taken[0]->tso_segsz, 1460);
    EXPECT_EQ(taken[0]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_NONE);

    rte_mbuf* given = taken[0].get();
    given->l2_len = 14;
    given->l3_len = 20;
    given->l4_len = 20;
    given->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    ASSERT_EQ(back_end_->Enqueue(0, {given}), 1u);
    const std::vector<GuestFrame> received = peer_->Receive(0);
    ASSERT_THAT(received, SizeIs(1));
    EXPECT_EQ(received[0].bytes.size(), packet.size());
    EXPECT_EQ(received[0].header.flags, kHeaderNeedsCsum);
    EXPECT_EQ(received[0].header.gso_type, kGsoTcp4);
    EXPECT_EQ(received[0].header.hdr_len, 54);
    EXPECT_EQ(received[0].header.gso_size, 1460);
    EXPECT_EQ(received[0].header.csum_start, 34);
    EXPECT_EQ(received[0].header.csum_offset, 16);
  }
}

TEST_F(VirtioPeerTest, HasSeveralQueues) {
  for (const uint64_t ring : {uint64_t{0}, kRingPacked}) {
    Open({.queue_pairs = 4, .ring_size = 32, .features = kGuestFeatures | ring});
    for (uint16_t queue = 0; queue < 4; ++queue) {
      ASSERT_EQ(peer_->Send(queue, Frames(queue, 2)), 2u);
      ASSERT_EQ(Deliver(queue, Frames(100 + queue, 3)), 3u);
    }
    for (uint16_t queue = 0; queue < 4; ++queue) {
      EXPECT_EQ(BytesOf(back_end_->Dequeue(queue)), BytesOf(Frames(queue, 2)));
      EXPECT_EQ(BytesOf(peer_->Receive(queue)), BytesOf(Frames(100 + queue, 3)));
    }
  }
}

TEST_F(VirtioPeerTest, HasMemoryInSeveralRegions) {
  for (const uint64_t ring : {uint64_t{0}, kRingPacked}) {
    Open({.queue_pairs = 2, .ring_size = 32, .features = kGuestFeatures | ring, .regions = 8});
    for (uint16_t queue = 0; queue < 2; ++queue) {
      ASSERT_EQ(peer_->Send(queue, Frames(queue, 20), {.pieces = {12}, .indirect = true}), 20u);
      EXPECT_EQ(BytesOf(back_end_->Dequeue(queue)), BytesOf(Frames(queue, 20)));
      ASSERT_EQ(Deliver(queue, Frames(queue, 20)), 20u);
      EXPECT_EQ(BytesOf(peer_->Receive(queue)), BytesOf(Frames(queue, 20)));
    }
  }
}

TEST_F(VirtioPeerTest, ListensForABackEndThatConnects) {
  auto peer = VirtioPeer::Create({.ring_size = 32});
  ASSERT_TRUE(peer.ok()) << peer.status();
  peer_ = *std::move(peer);
  absl::Status status = peer_->Listen(path_);
  ASSERT_TRUE(status.ok()) << status;
  back_end_.emplace(path_, RteVhostBackEnd::Options{.connects = true});
  status = peer_->Accept();
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(peer_->Send(0, Frames(0, 3)), 3u);
  EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(0, 3)));
}

TEST_F(VirtioPeerTest, ConnectsAgainAfterItLeft) {
  Open({.ring_size = 32});
  for (size_t round = 0; round < 3; ++round) {
    ASSERT_EQ(peer_->Send(0, Frames(0, 3)), 3u);
    peer_->Disconnect();
    ASSERT_TRUE(Eventually([&] { return !back_end_->HasDevice(); }));
    const absl::Status status = peer_->Connect(path_);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_THAT(back_end_->Dequeue(0), SizeIs(0)) << "the rings are new";
  }
}

TEST_F(VirtioPeerTest, SendsMessagesOfANetworkDevice) {
  Open({.ring_size = 32,
        .features = kGuestFeatures | kNetMtu,
        .protocol_features = kVhostUserReplyAck | kVhostUserNetMtu | kVhostUserStatus});
  EXPECT_NE(peer_->protocol_features() & kVhostUserStatus, 0u);
  const auto device_status = peer_->client().Ask<uint64_t>(VhostUserRequest::kGetStatus);
  ASSERT_TRUE(device_status.ok()) << device_status.status();
  EXPECT_EQ(*device_status, 0xfu);

  EXPECT_TRUE(peer_->client().Tell(VhostUserRequest::kNetSetMtu, uint64_t{1400}).ok());
  EXPECT_EQ(back_end_->MtuBytes(), 1400);
  EXPECT_TRUE(peer_->client().Tell(VhostUserRequest::kSendRarp, uint64_t{0x020000000002}).ok());
  // librte_vhost answers before it unlocks the rings, and finds nothing while they are locked.
  std::vector<MbufPtr> announced;
  EXPECT_TRUE(Eventually([&] { return !(announced = back_end_->Dequeue(0)).empty(); }));
  ASSERT_THAT(announced, SizeIs(1));
  const Bytes bytes = FromMbuf(announced[0].get()).bytes();
  EXPECT_EQ(bytes[12] << 8 | bytes[13], 0x8035) << "RARP";
}

// --- A hostile guest's tools. ---

TEST_F(VirtioPeerTest, WritesRawDescriptors) {
  Open({.ring_size = 32, .features = kPlainFeatures});
  const VringLayout& ring = peer_->vring(VirtioPeer::SendRing(0)).layout;
  const GuestMemory::Region& region = peer_->memory().regions()[0];
  const uint32_t length = 12 + 60;
  ring.desc()[5] = {.addr = region.address, .len = length, .flags = 0, .next = 0};
  ring.avail()->ring[0] = 5;
  ring.avail()->idx = 1;
  const std::vector<MbufPtr> taken = back_end_->Dequeue(0);
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(taken[0]->pkt_len, 60u);

  ring.desc()[5].addr = region.address + region.bytes;  // a hole
  ring.avail()->ring[1] = 5;
  ring.avail()->idx = 2;
  EXPECT_THAT(back_end_->Dequeue(0), SizeIs(0));
}

TEST_F(VirtioPeerTest, SendsRawMessages) {
  Open({.ring_size = 32});
  const std::vector<uint8_t> garbage(20, 0xff);
  EXPECT_TRUE(peer_->client().SendRaw(garbage).ok());
  EXPECT_TRUE(peer_->client().WaitForHangUp(absl::Seconds(10)));
  EXPECT_TRUE(Eventually([&] { return !back_end_->HasDevice(); }));
  const absl::Status status = peer_->Connect(path_);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(VirtioPeerTest, TakesMemoryAwayAndGivesItBack) {
  Open({.ring_size = 32});
  struct stat file;
  EXPECT_TRUE(peer_->memory().Truncate(0).ok());
  ASSERT_EQ(fstat(peer_->memory().fd(), &file), 0);
  EXPECT_EQ(file.st_size, 0);
  EXPECT_TRUE(peer_->memory().Truncate(peer_->memory().bytes()).ok());
  const absl::Status status = peer_->Start();
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(peer_->Send(0, Frames(0, 3)), 3u);
  EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(0, 3)));
}

// --- Errors. ---

class VirtioPeerErrors : public testing::Test {
 protected:
  std::unique_ptr<VirtioPeer> Peer(VirtioPeerOptions options = {}) {
    options.timeout = absl::Milliseconds(50);
    auto peer = VirtioPeer::Create(std::move(options));
    EXPECT_TRUE(peer.ok()) << peer.status();
    return *std::move(peer);
  }
  const std::string path_ = SocketPath();
};

TEST_F(VirtioPeerErrors, NamesASocketWhereNobodyListens) {
  const absl::Status status = Peer()->Connect(path_);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(VirtioPeerErrors, WaitsForNobodyForever) {
  auto peer = Peer();
  ASSERT_TRUE(peer->Listen(path_).ok());
  const absl::Status status = peer->Accept();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(VirtioPeerErrors, GivesUpOnABackEndThatIsSilent) {
  auto listener = UnixListener::Listen(path_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  const absl::Status status = Peer()->Connect(path_);
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GET_FEATURES: " + path_));
}

TEST_F(VirtioPeerErrors, SaysWhatTheBackEndRefused) {
  RteVhostBackEnd back_end(path_, {});
  auto peer = Peer({.ring_size = 32});
  ASSERT_TRUE(peer->Connect(path_).ok());
  absl::Status status = peer->client().Tell(VhostUserRequest::kSetVringNum,
                                            VhostUserVringState{.index = 0, .num = 33});
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("SET_VRING_NUM"));

  // Without acknowledgements the back end can only hang up.
  peer = Peer({.ring_size = 32, .protocol_features = 0});
  ASSERT_TRUE(peer->Connect(path_).ok());
  status = peer->client().Tell(VhostUserRequest::kSetVringNum,
                               VhostUserVringState{.index = 0, .num = 33});
  EXPECT_TRUE(status.ok()) << status;
  status = peer->client().Ask<uint64_t>(VhostUserRequest::kGetFeatures).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(VirtioPeerErrors, NeedsABackEndWithItsQueues) {
  RteVhostBackEnd back_end(path_, {.without_features = kNetMultiqueue});
  const absl::Status status = Peer({.queue_pairs = 2, .ring_size = 32})->Connect(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(VirtioPeerErrors, KeepsNoRingsOfOtherFeatures) {
  std::optional<RteVhostBackEnd> back_end;
  back_end.emplace(path_, RteVhostBackEnd::Options{});
  auto peer = Peer({.ring_size = 32});
  ASSERT_TRUE(peer->Connect(path_).ok());
  back_end.reset();
  back_end.emplace(path_, RteVhostBackEnd::Options{.without_features = kRingEventIndex});
  const absl::Status status = peer->Connect(path_, VirtioPeer::Rings::kKeep);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(VirtioPeerErrors, RefusesOptionsThatMakeNoDevice) {
  EXPECT_TRUE(absl::IsInvalidArgument(VirtioPeer::Create({.ring_size = 100}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(VirtioPeer::Create({.queue_pairs = 0}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(VirtioPeer::Create({.regions = 9}).status()));
}

}  // namespace
}  // namespace podwarp::test
