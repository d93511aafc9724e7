// Frames, queues and offloads between VhostPort and guests.
#include "port/vhost_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <tuple>

#include "support/literals.h"
#include "support/packet.h"
#include "unit/port/vhost_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr MacAddress kGuest({2, 0, 0, 0, 1, 10});
constexpr MacAddress kGateway({2, 0, 0, 0, 0, 1});
constexpr Ipv4Address kFrom(10, 244, 1, 10);
constexpr Ipv4Address kTo(10, 244, 1, 11);

// Frames that differ in bytes and length.
Packet Numbered(size_t number) {
  return Ethernet(kGateway, kGuest) / Ipv4(kFrom, kTo) / Udp(static_cast<uint16_t>(number), 7) /
         Payload(number * 37 % 1400);
}
std::vector<GuestFrame> FromGuest(size_t count) {
  std::vector<GuestFrame> frames;
  for (size_t i = 0; i < count; ++i) frames.push_back({Numbered(i).bytes()});
  return frames;
}
std::vector<MbufPtr> ToGuest(size_t count) {
  std::vector<MbufPtr> frames;
  for (size_t i = 0; i < count; ++i) frames.emplace_back(ToMbuf(Numbered(i)));
  return frames;
}

// Server or client; features of the guest.
class VhostPortTest : public VhostFixture,
                      public testing::WithParamInterface<std::tuple<bool, uint64_t>> {
 protected:
  bool is_server() const { return std::get<0>(GetParam()); }

  void Open(uint16_t queues = 1, uint16_t workers = 1) {
    path_ = SocketPath();
    port_ = OpenPort({.path = path_, .is_server = is_server()}, queues, workers);
    peer_ = MakePeer({.queue_pairs = queues, .features = std::get<1>(GetParam())});
    Join(*port_, *peer_, path_, is_server());
  }

  std::string path_;
  std::unique_ptr<VhostPort> port_;
  std::unique_ptr<VirtioPeer> peer_;
};

INSTANTIATE_TEST_SUITE_P(All, VhostPortTest,
                         testing::Combine(testing::Bool(),
                                          testing::Values(kPlainFeatures, kGuestFeatures,
                                                          kGuestFeatures | kRingPacked,
                                                          kGuestFeatures | kRingPacked | kInOrder)),
                         [](const auto& test) {
                           const uint64_t features = std::get<1>(test.param);
                           return absl::StrCat(std::get<0>(test.param) ? "Server" : "Client",
                                               features == kPlainFeatures   ? "Plain"
                                               : (features & kInOrder) != 0 ? "PackedInOrder"
                                               : (features & kRingPacked)   ? "Packed"
                                                                            : "Split");
                         });

TEST_P(VhostPortTest, CarriesMoreFramesThanOneCallTakesBothWays) {
  Open();
  const unsigned in_use = BuffersInUse();
  const std::vector<GuestFrame> sent = FromGuest(64);
  ASSERT_EQ(peer_->Send(0, sent), 64u);
  const std::vector<MbufPtr> received = Receive(*port_);
  ASSERT_THAT(received, SizeIs(64));
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(FromMbuf(received[i].get()).bytes(), sent[i].bytes);

  std::vector<MbufPtr> out = ToGuest(64);
  Transmit(*port_, out);
  EXPECT_THAT(out, SizeIs(0));
  const std::vector<GuestFrame> arrived = peer_->Receive(0);
  ASSERT_THAT(arrived, SizeIs(64));
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(arrived[i].bytes, Numbered(i).bytes());
  EXPECT_EQ(BuffersInUse(), in_use + 64);
}

TEST_P(VhostPortTest, LeavesWhatTheGuestHasNoRoomForWithTheCaller) {
  Open();
  size_t taken = 0;
  std::vector<MbufPtr> out;
  do {
    out = ToGuest(64);
    Transmit(*port_, out);
    taken += 64 - out.size();
  } while (out.empty());
  EXPECT_EQ(taken, 256u);  // the ring's size, one buffer a frame
  EXPECT_THAT(peer_->Receive(0), SizeIs(256));
  Transmit(*port_, out);
  EXPECT_THAT(out, SizeIs(0));
}

TEST_P(VhostPortTest, WakesAWorkerThatHasLaidTheQueueToRest) {
  Open();
  ASSERT_TRUE(LayToRest(*port_));
  ASSERT_EQ(peer_->Send(0, FromGuest(1)), 1u);
  EXPECT_TRUE(IsReadable(*port_, 0, 10'000));
  port_->Wake(0);
  EXPECT_FALSE(IsReadable(*port_, 0));
  EXPECT_THAT(Receive(*port_), SizeIs(1));
}

TEST_P(VhostPortTest, SaysNothingWhileItIsPolled) {
  Open();
  port_->Wake(0);
  const uint64_t kicks = peer_->vring(1).notifier.kicks();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(peer_->Send(0, FromGuest(1)), 1u);
    ASSERT_THAT(Receive(*port_), SizeIs(1));
  }
  // With event indexes one kick may still come: they can't be switched off.
  EXPECT_LE(peer_->vring(1).notifier.kicks(), kicks + 1);
}

TEST_P(VhostPortTest, FindsWhatWasSentBeforeTheRest) {
  Open();
  port_->Wake(0);
  ASSERT_EQ(peer_->Send(0, FromGuest(3)), 3u);
  ASSERT_TRUE(port_->Rest(0));
  EXPECT_THAT(Receive(*port_), SizeIs(3));
}

TEST_P(VhostPortTest, SpreadsWorkersOverTheGuestsQueues) {
  if (std::get<1>(GetParam()) == kPlainFeatures) return;
  Open(/*queues=*/3, /*workers=*/5);
  for (uint16_t worker = 0; worker < 5; ++worker) {
    std::vector<MbufPtr> out = ToGuest(worker + 1u);
    Transmit(*port_, out, worker);
    EXPECT_THAT(out, SizeIs(0));
  }
  EXPECT_THAT(peer_->Receive(0), SizeIs(1 + 4));
  EXPECT_THAT(peer_->Receive(1), SizeIs(2 + 5));
  EXPECT_THAT(peer_->Receive(2), SizeIs(3));
  for (uint16_t queue = 0; queue < 3; ++queue) {
    ASSERT_EQ(peer_->Send(queue, FromGuest(queue + 1u)), queue + 1u);
    EXPECT_THAT(Receive(*port_, queue), SizeIs(queue + 1u));
  }
  EXPECT_THAT(port_->State().peer, HasSubstr("3 of 3 queue pairs"));
}

TEST_P(VhostPortTest, LetsWorkersShareAQueue) {
  constexpr size_t kEach = 1000;
  Open(/*queues=*/1, /*workers=*/2);
  const auto transmit = [&](uint16_t worker) {
    for (size_t sent = 0; sent < kEach;) {
      std::vector<MbufPtr> out = ToGuest(std::min<size_t>(10, kEach - sent));
      const size_t count = out.size();
      Transmit(*port_, out, worker);
      sent += count - out.size();
    }
  };
  std::thread first(transmit, 0), second(transmit, 1);
  size_t received = 0;
  EXPECT_TRUE(Eventually([&] { return (received += peer_->Receive(0).size()) >= 2 * kEach; }));
  first.join();
  second.join();
  EXPECT_EQ(received + peer_->Receive(0).size(), 2 * kEach);
}

TEST_P(VhostPortTest, ForwardsOnWhileMemoryIsPluggedInAndOut) {
  Open();
  for (uint16_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(peer_->ShareMemory(/*plugged=*/i % 4).ok());
    ASSERT_EQ(peer_->Send(0, FromGuest(2)), 2u);
    // librte_vhost answers before it unlocks the rings, and nobody waits for that.
    size_t received = 0;
    EXPECT_TRUE(Eventually([&] { return (received += Receive(*port_).size()) == 2; }));
    std::vector<MbufPtr> out = ToGuest(2);
    Transmit(*port_, out);
    EXPECT_THAT(peer_->Receive(0), SizeIs(2));
  }
}

TEST_P(VhostPortTest, WakesAWorkerAfterEachMessage) {
  Open();
  ASSERT_TRUE(LayToRest(*port_));
  ASSERT_TRUE(peer_->ShareMemory(1).ok());
  EXPECT_TRUE(IsReadable(*port_, 0, 10'000));
}

TEST_P(VhostPortTest, ServesTheGuestAgainAfterItStopped) {
  Open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(peer_->Stop().ok());
    EXPECT_FALSE(port_->State().up);
    EXPECT_THAT(Receive(*port_), SizeIs(0));
    std::vector<MbufPtr> out = ToGuest(1);
    Transmit(*port_, out);
    EXPECT_THAT(out, SizeIs(1));
    ASSERT_TRUE(peer_->Start().ok());
    ASSERT_TRUE(IsSoonUp(*port_));
    ASSERT_EQ(peer_->Send(0, FromGuest(2)), 2u);
    EXPECT_THAT(Receive(*port_), SizeIs(2));
  }
}

class VhostOffloadTest : public VhostFixture {
 protected:
  void Open(uint64_t features) {
    const std::string path = SocketPath();
    port_ = OpenPort({.path = path, .is_server = true});
    peer_ = MakePeer(
        {.features = features, .send_buffer_bytes = 32 << 10, .receive_buffer_bytes = 32 << 10});
    Join(*port_, *peer_, path, true);
  }

  std::unique_ptr<VhostPort> port_;
  std::unique_ptr<VirtioPeer> peer_;
};

Packet Segment(size_t payload) {
  return Ethernet(kGateway, kGuest) / Ipv4(kFrom, kTo) / Tcp(1, 2).PartialChecksum() /
         Payload(payload);
}
Packet Datagram(size_t payload) {
  return Ethernet(kGateway, kGuest) / Ipv4(kFrom, kTo) / Udp(1, 2).PartialChecksum() /
         Payload(payload);
}
constexpr VirtioNetHeader kTcpChecksum = {
    .flags = kHeaderNeedsCsum, .csum_start = 34, .csum_offset = 16};

TEST_F(VhostOffloadTest, ToldWhatTheGuestLeftUndone) {
  Open(kGuestFeatures);
  VirtioNetHeader large = kTcpChecksum;
  large.gso_type = kGsoTcp4;
  large.gso_size = 1448;
  large.hdr_len = 54;
  VirtioNetHeader fragments = kTcpChecksum;
  fragments.csum_offset = 6;
  fragments.gso_type = kGsoUdp;
  fragments.gso_size = 1480;
  ASSERT_EQ(peer_->Send(0, std::vector<GuestFrame>{{Segment(100).bytes(), kTcpChecksum},
                                                   {Segment(20'000).bytes(), large},
                                                   {Datagram(9000).bytes(), fragments},
                                                   {Numbered(1).bytes()}}),
            4u);
  const std::vector<MbufPtr> frames = Receive(*port_);
  ASSERT_THAT(frames, SizeIs(4));
  ASSERT_TRUE(HasOffload(frames[0].get()));
  EXPECT_TRUE(OffloadOf(frames[0].get())->checksum_wanted);
  EXPECT_EQ(OffloadOf(frames[0].get())->segment_bytes, 0);
  ASSERT_TRUE(HasOffload(frames[1].get()));
  EXPECT_EQ(OffloadOf(frames[1].get())->segment_bytes, 1448);
  EXPECT_EQ(OffloadOf(frames[1].get())->l4_bytes, 20);
  EXPECT_EQ(FromMbuf(frames[1].get()).bytes(), Segment(20'000).bytes());
  ASSERT_TRUE(HasOffload(frames[2].get()));
  EXPECT_EQ(OffloadOf(frames[2].get())->segment_bytes, 1480);
  EXPECT_FALSE(OffloadOf(frames[2].get())->udp_datagrams);
  EXPECT_FALSE(HasOffload(frames[3].get()));
}

TEST_F(VhostOffloadTest, TellsTheGuestWhatIsLeftToDo) {
  Open(kGuestFeatures);
  EXPECT_TRUE(port_->capabilities().checksum);
  EXPECT_TRUE(port_->capabilities().tcp_segments);
  EXPECT_TRUE(port_->capabilities().udp_fragments);
  EXPECT_FALSE(port_->capabilities().udp_datagrams);
  std::vector<MbufPtr> out;
  out.emplace_back(ToMbuf(Segment(20'000), {.offload = Offload{.segment_bytes = 1448,
                                                               .l3_bytes = 20,
                                                               .l4_bytes = 20,
                                                               .checksum_wanted = true,
                                                               .l4_protocol = kIpProtocolTcp}}));
  out.emplace_back(ToMbuf(Datagram(50), {.offload = Offload{.l3_bytes = 20,
                                                            .l4_bytes = 8,
                                                            .checksum_wanted = true,
                                                            .l4_protocol = kIpProtocolUdp}}));
  Transmit(*port_, out);
  const std::vector<GuestFrame> frames = peer_->Receive(0);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].header.flags, kHeaderNeedsCsum);
  EXPECT_EQ(frames[0].header.gso_type, kGsoTcp4);
  EXPECT_EQ(frames[0].header.gso_size, 1448);
  EXPECT_EQ(frames[0].header.hdr_len, 54);
  EXPECT_EQ(frames[0].header.csum_start, 34);
  EXPECT_EQ(frames[0].header.csum_offset, 16);
  EXPECT_EQ(frames[0].bytes.size(), 20'054u);
  EXPECT_EQ(frames[1].header.csum_offset, 6);
  EXPECT_EQ(frames[1].bytes, Datagram(50).bytes());
}

TEST_F(VhostOffloadTest, CanOnlyWhatTheGuestAgreedTo) {
  Open(kPlainFeatures);
  EXPECT_FALSE(port_->capabilities().checksum);
  EXPECT_FALSE(port_->capabilities().tcp_segments);
  EXPECT_FALSE(port_->capabilities().udp_fragments);
  EXPECT_TRUE(port_->capabilities().multi_segment);
}

TEST_F(VhostOffloadTest, AnnouncesAGuestThatHasMovedHere) {
  Open(kGuestFeatures);
  ASSERT_TRUE(LayToRest(*port_));
  uint64_t mac = 0;
  std::memcpy(&mac, &kGuest, sizeof(kGuest));
  ASSERT_TRUE(peer_->client().Tell(VhostUserRequest::kSendRarp, mac).ok());
  ASSERT_TRUE(IsReadable(*port_, 0, 10'000));
  port_->Wake(0);
  // librte_vhost answers before it unlocks the rings, and finds nothing while they are locked.
  std::vector<MbufPtr> frames;
  EXPECT_TRUE(Eventually([&] { return !(frames = Receive(*port_)).empty(); }));
  ASSERT_THAT(frames, SizeIs(1));
  const Bytes bytes = FromMbuf(frames[0].get()).bytes();
  EXPECT_EQ(bytes[12] << 8 | bytes[13], 0x8035);
}

}  // namespace
}  // namespace podwarp::test
