// Rings as guests fill them in all the ways that they may: frames in pieces, buffers in several
// regions, calls, migrations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <thread>

#include "support/literals.h"
#include "support/packet.h"
#include "unit/port/vhost_fixture.h"

namespace podwarp::test {
namespace {

using testing::Each;
using testing::SizeIs;

// Frames that differ in bytes and length.
Packet Numbered(size_t number) {
  return Ethernet("02:00:00:00:00:01"_mac, "02:00:00:00:01:0a"_mac) /
         Ipv4("10.244.1.10"_ip, "10.244.1.11"_ip) / Udp(static_cast<uint16_t>(number), 7) /
         Payload(number * 37 % 1400);
}
Packet Long(size_t payload) {
  return Ethernet("02:00:00:00:00:01"_mac, "02:00:00:00:01:0a"_mac) /
         Ipv4("10.244.1.10"_ip, "10.244.1.11"_ip) / Udp(1, 7) / Payload(payload);
}
std::vector<GuestFrame> AsGuestFrames(const std::vector<Packet>& packets) {
  std::vector<GuestFrame> frames;
  for (const Packet& packet : packets) frames.push_back({packet.bytes()});
  return frames;
}
std::vector<MbufPtr> AsMbufs(const std::vector<Packet>& packets) {
  std::vector<MbufPtr> frames;
  for (const Packet& packet : packets) frames.emplace_back(ToMbuf(packet));
  return frames;
}
// Short ones and long ones.
std::vector<Packet> Mixed() {
  std::vector<Packet> packets;
  for (size_t i = 0; i < 10; ++i) {
    packets.push_back(Numbered(i));
    packets.push_back(Numbered(100 + i));
    packets.push_back(Long(i * 900));
  }
  return packets;
}

class VhostRingsTest : public VhostFixture, public testing::WithParamInterface<uint64_t> {
 protected:
  void Open(VirtioPeerOptions options, uint16_t workers = 1) {
    options.features = GetParam();
    const std::string path = SocketPath();
    port_ = OpenPort({.path = path, .is_server = true}, options.queue_pairs, workers);
    peer_ = MakePeer(options);
    Join(*port_, *peer_, path, true);
  }

  void ExpectReceives(const std::vector<Packet>& packets, const BufferLayout& layout = {}) {
    const unsigned in_use = BuffersInUse();
    {
      ASSERT_EQ(peer_->Send(0, AsGuestFrames(packets), layout), packets.size());
      std::vector<MbufPtr> received;
      EXPECT_TRUE(Eventually([&] {
        for (MbufPtr& frame : Receive(*port_)) received.push_back(std::move(frame));
        return received.size() >= packets.size();
      }));
      ASSERT_THAT(received, SizeIs(packets.size()));
      for (size_t i = 0; i < packets.size(); ++i) {
        EXPECT_EQ(FromMbuf(received[i].get()).bytes(), packets[i].bytes()) << i;
      }
      EXPECT_EQ(peer_->InFlight(0), 0u);
    }
    EXPECT_EQ(BuffersInUse(), in_use);
  }
  void ExpectTransmits(const std::vector<Packet>& packets) {
    const unsigned in_use = BuffersInUse();
    std::vector<MbufPtr> out = AsMbufs(packets);
    Transmit(*port_, out);
    EXPECT_THAT(out, SizeIs(0));
    const std::vector<GuestFrame> arrived = peer_->Receive(0);
    ASSERT_THAT(arrived, SizeIs(packets.size()));
    for (size_t i = 0; i < packets.size(); ++i) {
      EXPECT_EQ(arrived[i].bytes, packets[i].bytes()) << i;
    }
    EXPECT_EQ(BuffersInUse(), in_use);
  }

  std::unique_ptr<VhostPort> port_;
  std::unique_ptr<VirtioPeer> peer_;
};

constexpr uint64_t kSplit = kGuestFeatures;
constexpr uint64_t kPacked = kGuestFeatures | kRingPacked;
INSTANTIATE_TEST_SUITE_P(All, VhostRingsTest,
                         testing::Values(kSplit, kSplit & ~kRingEventIndex, kPacked,
                                         kPacked & ~kRingEventIndex),
                         [](const auto& test) {
                           return absl::StrCat(
                               (test.param & kRingPacked) != 0 ? "Packed" : "Split",
                               (test.param & kRingEventIndex) != 0 ? "EventIndex" : "Flags");
                         });

TEST_P(VhostRingsTest, ReceivesFramesInPieces) {
  for (const bool is_indirect : {false, true}) {
    Open({.send_buffer_bytes = 16 << 10, .regions = 3});
    for (const std::vector<uint32_t>& pieces :
         {std::vector<uint32_t>{}, {12}, {5}, {12, 14}, {3, 4, 5, 20, 1}, {2000}}) {
      // More than once round the ring.
      for (int i = 0; i < 6; ++i) {
        ExpectReceives(Mixed(), {.pieces = pieces, .indirect = is_indirect});
      }
    }
  }
}

TEST_P(VhostRingsTest, ReceivesPlainFramesBetweenOthers) {
  Open({.send_buffer_bytes = 16 << 10});
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(peer_->Send(0, AsGuestFrames({Numbered(1), Numbered(2)})), 2u);
    ASSERT_EQ(peer_->Send(0, AsGuestFrames({Numbered(3)}), {.pieces = {12}}), 1u);
    ASSERT_EQ(peer_->Send(0, AsGuestFrames({Long(9000)})), 1u);
    ASSERT_EQ(peer_->Send(0, AsGuestFrames({Numbered(4)}), {.pieces = {1}, .indirect = true}), 1u);
    ASSERT_EQ(peer_->Send(0, AsGuestFrames({Numbered(5)})), 1u);
    const std::vector<MbufPtr> received = Receive(*port_);
    ASSERT_THAT(received, SizeIs(6));
    EXPECT_EQ(FromMbuf(received[2].get()).bytes(), Numbered(3).bytes());
    EXPECT_EQ(FromMbuf(received[3].get()).bytes(), Long(9000).bytes());
    EXPECT_EQ(FromMbuf(received[4].get()).bytes(), Numbered(4).bytes());
    EXPECT_EQ(FromMbuf(received[5].get()).bytes(), Numbered(5).bytes());
  }
}

TEST_P(VhostRingsTest, TransmitsToBuffersInPieces) {
  for (const std::vector<uint32_t>& pieces :
       {std::vector<uint32_t>{}, {12}, {5}, {3, 4, 5, 20, 1}, {2000}}) {
    for (const bool is_indirect : {false, true}) {
      Open({.receive_buffer_bytes = 16 << 10,
            .receive_layout = {.pieces = pieces, .indirect = is_indirect},
            .regions = 3});
      for (int i = 0; i < 6; ++i) ExpectTransmits(Mixed());
    }
  }
}

TEST_P(VhostRingsTest, SpreadsAFrameOverSeveralBuffers) {
  for (const uint32_t buffer_bytes : {300, 1000, 2048}) {
    Open({.receive_buffer_bytes = buffer_bytes});
    for (int i = 0; i < 20; ++i) {
      ExpectTransmits({Numbered(1), Long(9000), Numbered(2), Numbered(30), Long(20'000)});
    }
  }
}

TEST_P(VhostRingsTest, KeepsWhatDoesNotFitForLater) {
  Open({.ring_size = 32, .receive_buffer_bytes = 1000});
  std::vector<MbufPtr> out = AsMbufs({Long(20'000), Long(20'000), Numbered(1)});
  Transmit(*port_, out);
  EXPECT_THAT(out, SizeIs(2));
  EXPECT_THAT(peer_->Receive(0), SizeIs(1));
  Transmit(*port_, out);
  EXPECT_THAT(out, SizeIs(0));
  EXPECT_THAT(peer_->Receive(0), SizeIs(2));
}

TEST_P(VhostRingsTest, GivesBackWhatIsNoFrame) {
  Open({});
  const unsigned in_use = BuffersInUse();
  VirtioNetHeader senseless = {.gso_type = kGsoTcp4, .gso_size = 1448};
  const std::vector<GuestFrame> frames = {
      {Numbered(1).bytes()}, {{}}, {Numbered(2).bytes(), senseless}, {Numbered(3).bytes()}};
  for (const bool is_indirect : {false, true}) {
    ASSERT_EQ(peer_->Send(0, frames, {.indirect = is_indirect}), 4u);
    const std::vector<MbufPtr> received = Receive(*port_);
    ASSERT_THAT(received, SizeIs(2));
    EXPECT_EQ(FromMbuf(received[1].get()).bytes(), Numbered(3).bytes());
    EXPECT_EQ(peer_->InFlight(0), 0u);
  }
  EXPECT_EQ(BuffersInUse(), in_use);
}

TEST_P(VhostRingsTest, CallsAGuestThatWantsIt) {
  Open({});
  Notifier& receives = peer_->vring(0).notifier;
  Notifier& sends = peer_->vring(1).notifier;
  for (const bool wants : {true, false, true}) {
    for (const uint16_t ring : {uint16_t{0}, uint16_t{1}}) {
      Virtqueue& queue = *peer_->vring(ring).queue;
      wants ? queue.CallAlways() : queue.CallNever();
    }
    ExpectTransmits({Numbered(1)});  // the first ever is told in any case
    ExpectReceives({Numbered(1)});
    const uint64_t receives_before = receives.TakeCalls();
    const uint64_t sends_before = sends.TakeCalls();
    for (int i = 0; i < 300; ++i) {
      ExpectTransmits({Numbered(1), Numbered(2)});
      ExpectReceives({Numbered(1), Numbered(2)});
    }
    const uint64_t expected = wants ? 300 : 0;
    EXPECT_EQ(receives.TakeCalls(), receives_before + expected);
    EXPECT_EQ(sends.TakeCalls(), sends_before + expected);
  }
}

TEST_P(VhostRingsTest, CallsAGuestAfterAsManyAsItWants) {
  if ((GetParam() & kRingEventIndex) == 0) return;
  Open({});
  Notifier& notifier = peer_->vring(0).notifier;
  ExpectTransmits({Numbered(1)});
  // Round the ring and beyond.
  for (int i = 0; i < 200; ++i) {
    peer_->vring(0).queue->CallAfter(5);
    const uint64_t before = notifier.TakeCalls();
    ExpectTransmits({Numbered(1), Numbered(2), Numbered(3)});
    EXPECT_EQ(notifier.TakeCalls(), before) << i;
    ExpectTransmits({Numbered(1), Numbered(2), Numbered(3)});
    EXPECT_EQ(notifier.TakeCalls(), before + 1) << i;
  }
}

TEST_P(VhostRingsTest, NeedsNoKickForBuffersToReceiveIn) {
  Open({});
  ExpectTransmits({Numbered(1)});
  const uint64_t kicks = peer_->vring(0).notifier.kicks();
  for (int i = 0; i < 100; ++i) ExpectTransmits({Numbered(1)});
  // With event indexes kicks can't be switched off.
  EXPECT_LE(peer_->vring(0).notifier.kicks(), kicks + 1);
}

TEST_P(VhostRingsTest, LogsWhatItWritesWhileAGuestMigrates) {
  struct Log {
    uint64_t mmap_size;
    uint64_t mmap_offset;
  };
  Open({});
  const FileDescriptor file(memfd_create("log", 0));
  constexpr size_t kLogBytes = 1 << 20;
  ASSERT_EQ(ftruncate(file.get(), kLogBytes), 0);
  void* const mapped = mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  const std::span log(static_cast<const uint8_t*>(mapped), kLogBytes);
  VhostUserClient& client = peer_->client();
  const auto flows = [&] {
    for (int i = 0; i < 40; ++i) {
      ExpectReceives({Numbered(1), Numbered(2), Numbered(3)});
      // librte_vhost answers before it unlocks the rings, and nobody waits for that.
      EXPECT_TRUE(Eventually([&] { return port_->State().up; }));
      ExpectTransmits({Numbered(4), Numbered(5), Numbered(6)});
    }
  };
  const uint64_t features = peer_->features();
  ASSERT_TRUE(client.Tell(VhostUserRequest::kSetFeatures, features).ok());
  flows();
  ASSERT_TRUE(
      client.TellAndWait(VhostUserRequest::kSetLogBase, Log{.mmap_size = kLogBytes}, {file.get()})
          .ok());
  flows();
  EXPECT_THAT(log, Each(0));
  ASSERT_TRUE(client.Tell(VhostUserRequest::kSetFeatures, features | kVhostLogAll).ok());
  flows();
  EXPECT_THAT(log, testing::Not(Each(0)));
  ASSERT_TRUE(client.Tell(VhostUserRequest::kSetFeatures, features).ok());
  flows();
  ASSERT_TRUE(peer_->Stop().ok());
  ASSERT_TRUE(peer_->Start(VirtioPeer::Rings::kKeep).ok());
  ASSERT_TRUE(IsSoonUp(*port_));
  flows();
  munmap(mapped, kLogBytes);
}

TEST_P(VhostRingsTest, GoesOnWhereARingWasStopped) {
  Open({.queue_pairs = 2});
  for (int i = 0; i < 5; ++i) {
    ExpectReceives({Numbered(1), Numbered(2), Numbered(3)});
    ExpectTransmits({Numbered(1), Numbered(2)});
    ASSERT_TRUE(peer_->Stop().ok());
    ASSERT_TRUE(peer_->Start(VirtioPeer::Rings::kKeep).ok());
    ASSERT_TRUE(IsSoonUp(*port_));
  }
  // Now only disabled.
  for (int i = 0; i < 5; ++i) {
    for (const uint32_t is_enabled : {0, 1}) {
      for (const uint32_t ring : {0, 1}) {
        ASSERT_TRUE(peer_->client()
                        .Tell(VhostUserRequest::kSetVringEnable,
                              VhostUserVringState{.index = ring, .num = is_enabled})
                        .ok());
      }
      if (is_enabled == 1) continue;
      EXPECT_THAT(Receive(*port_), SizeIs(0));
      std::vector<MbufPtr> out = AsMbufs({Numbered(1)});
      Transmit(*port_, out);
      EXPECT_THAT(out, SizeIs(1));
    }
    ASSERT_TRUE(IsSoonUp(*port_));
    ExpectReceives({Numbered(1), Numbered(2), Numbered(3)});
    ExpectTransmits({Numbered(1), Numbered(2)});
  }
}

// Workers in threads of their own, on one ring to the guest, while its memory comes anew.
TEST_P(VhostRingsTest, LetsTwoWorkersTransmitWhileMemoryIsSharedAnew) {
  constexpr size_t kEach = 600;
  Open({}, /*workers=*/2);
  Rcu& rcu = rcu_;
  std::atomic<int> busy{2};
  const auto work = [&](uint16_t worker) {
    rcu.Register(worker);
    rcu.Online(worker);
    for (size_t sent = 0; sent < kEach;) {
      std::vector<MbufPtr> out = AsMbufs({Numbered(1), Numbered(2), Long(3000)});
      const size_t count = out.size();
      Transmit(*port_, out, worker);
      sent += count - out.size();
      rcu.Quiescent(worker);
      if (out.size() == count) std::this_thread::yield();
    }
    rcu.Offline(worker);
    rcu.Unregister(worker);
    --busy;
  };
  std::thread first(work, 0), second(work, 1);
  size_t received = 0;
  for (uint16_t i = 0; busy > 0; ++i) {
    EXPECT_TRUE(peer_->ShareMemory(/*plugged=*/i % 3).ok());
    received += peer_->Receive(0).size();
  }
  first.join();
  second.join();
  received += peer_->Receive(0).size();
  EXPECT_GE(received, 2 * kEach);
}

}  // namespace
}  // namespace podwarp::test
