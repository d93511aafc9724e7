// VirtioPeer's rings, of every kind, against librte_vhost's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "unit/support/virtio_peer_fixture.h"

namespace podwarp::test {
namespace {

using testing::SizeIs;

struct Kind {
  const char* name;
  uint64_t features;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class VirtioPeerOfKind : public VirtioPeerTest, public testing::WithParamInterface<Kind> {
 protected:
  void OpenKind(VirtioPeerOptions options = {}) {
    options.ring_size = 64;
    options.features = GetParam().features;
    Open(std::move(options));
    ASSERT_EQ(peer_->features(), GetParam().features);
  }
};
INSTANTIATE_TEST_SUITE_P(
    Kinds, VirtioPeerOfKind,
    testing::Values(Kind{"Legacy", kVhostProtocolFeatures},
                    Kind{"LegacyMergeable", kVhostProtocolFeatures | kNetMergeable},
                    Kind{"Split", kPlainFeatures}, Kind{"SplitLinux", kGuestFeatures},
                    Kind{"SplitInOrder", kGuestFeatures | kInOrder},
                    Kind{"NoProtocolFeatures", kVersion1 | kNetMergeable},
                    Kind{"Packed", kPlainFeatures | kRingPacked},
                    Kind{"PackedLinux", kGuestFeatures | kRingPacked},
                    Kind{"PackedInOrder", kGuestFeatures | kRingPacked | kInOrder}),
    [](const auto& kind) { return kind.param.name; });

// Several times round the ring, in bursts that don't divide it.
TEST_P(VirtioPeerOfKind, SendsFrames) {
  OpenKind();
  for (size_t burst = 0; burst < 20; ++burst) {
    const std::vector<GuestFrame> frames = Frames(burst * 23, 23);
    ASSERT_EQ(peer_->Send(0, frames), frames.size());
    ASSERT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(frames)) << "burst " << burst;
    ASSERT_EQ(peer_->InFlight(0), 0u);
  }
}

TEST_P(VirtioPeerOfKind, ReceivesFrames) {
  OpenKind();
  for (size_t burst = 0; burst < 20; ++burst) {
    const std::vector<GuestFrame> frames = Frames(burst * 23, 23);
    ASSERT_EQ(Deliver(0, frames), frames.size());
    ASSERT_EQ(BytesOf(peer_->Receive(0)), BytesOf(frames)) << "burst " << burst;
  }
  EXPECT_THAT(peer_->Receive(0), SizeIs(0));
}

TEST_P(VirtioPeerOfKind, SendsWhatFitsIntoTheRing) {
  OpenKind();
  EXPECT_EQ(peer_->Send(0, Frames(0, 100)), 64u);
  EXPECT_EQ(peer_->InFlight(0), 64u);
  EXPECT_EQ(peer_->Send(0, Frames(100, 1)), 0u);
  EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(0, 64)));
  EXPECT_EQ(peer_->Send(0, Frames(100, 1)), 1u);
  EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(100, 1)));
}

TEST_P(VirtioPeerOfKind, SendsScatteredFrames) {
  OpenKind();
  const std::vector<std::vector<uint32_t>> layouts = {
      {12}, {10}, {5, 7, 3}, {12, 14}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {12, 500, 1, 300}};
  for (const bool indirect : {false, true}) {
    if (indirect && (GetParam().features & kRingIndirect) == 0) continue;
    for (size_t i = 0; i < 5 * layouts.size(); ++i) {
      const auto& pieces = layouts[i % layouts.size()];
      // Longer than its pieces, and much shorter.
      const std::vector<GuestFrame> frames = {Frame(i, 1200 + i), Frame(i + 1, 14), Frame(i, 60)};
      ASSERT_EQ(peer_->Send(0, frames, {.pieces = pieces, .indirect = indirect}), 3u);
      ASSERT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(frames))
          << testing::PrintToString(pieces) << (indirect ? ", indirect" : "");
    }
  }
  EXPECT_EQ(peer_->InFlight(0), 0u);
}

TEST_P(VirtioPeerOfKind, ReceivesIntoScatteredBuffers) {
  OpenKind({.receive_layout = {.pieces = {12, 3, 70}}});
  for (size_t burst = 0; burst < 10; ++burst) {
    const std::vector<GuestFrame> frames = Frames(burst * 13, 13);
    ASSERT_EQ(Deliver(0, frames), frames.size());
    ASSERT_EQ(BytesOf(peer_->Receive(0)), BytesOf(frames)) << "burst " << burst;
  }
}

TEST_P(VirtioPeerOfKind, SendsAgainAndDiscards) {
  OpenKind();
  const std::vector<GuestFrame> frames = Frames(0, 64);
  ASSERT_EQ(peer_->Send(0, frames), 64u);
  size_t seen = 0;
  for (size_t round = 0; round < 10; ++round) {
    for (const Bytes& bytes : BytesOf(back_end_->Dequeue(0))) {
      ASSERT_EQ(bytes, frames[seen++ % frames.size()].bytes);
    }
    EXPECT_EQ(peer_->SendAgain(0, 40), 40u);
    EXPECT_EQ(peer_->SendAgain(0, 100), 24u);
    EXPECT_EQ(peer_->SendAgain(0, 100), 0u);
  }
  EXPECT_EQ(seen, 640u);
  EXPECT_THAT(back_end_->Dequeue(0), SizeIs(64));
  EXPECT_EQ(peer_->InFlight(0), 0u);

  for (size_t round = 0; round < 10; ++round) {
    ASSERT_EQ(Deliver(0, Frames(0, 50)), 50u);
    ASSERT_EQ(peer_->Discard(0), 50u);
  }
  EXPECT_EQ(peer_->Discard(0), 0u);
  ASSERT_EQ(Deliver(0, Frames(7, 5)), 5u);
  EXPECT_EQ(BytesOf(peer_->Receive(0)), BytesOf(Frames(7, 5)));
}

TEST_P(VirtioPeerOfKind, KicksOnlyWhereItIsAskedTo) {
  OpenKind();
  const Notifier& notifier = peer_->vring(VirtioPeer::SendRing(0)).notifier;
  const bool event_index = (peer_->features() & kRingEventIndex) != 0;
  uint64_t expected = 0;
  for (size_t i = 0; i < 40; ++i) {
    back_end_->WantKicks(0, true);
    ASSERT_EQ(peer_->Send(0, Frames(0, 5)), 5u);
    ASSERT_EQ(notifier.kicks(), ++expected) << "one for the burst";
    ASSERT_THAT(back_end_->Dequeue(0), SizeIs(5));
    ASSERT_EQ(peer_->Send(0, Frames(0, 6)), 6u);
    if (!event_index) ++expected;  // an event index is asked for once
    ASSERT_EQ(notifier.kicks(), expected);
    ASSERT_THAT(back_end_->Dequeue(0), SizeIs(6));
  }
  back_end_->WantKicks(0, true);
  ASSERT_EQ(peer_->SendAgain(0, 3), 3u);
  EXPECT_EQ(notifier.kicks(), ++expected);
  EXPECT_THAT(back_end_->Dequeue(0), SizeIs(3));

  back_end_->WantKicks(0, false);
  for (size_t i = 0; i < 100; ++i) {
    ASSERT_EQ(peer_->Send(0, Frames(0, 9)), 9u);
    ASSERT_THAT(back_end_->Dequeue(0), SizeIs(9));
  }
  EXPECT_EQ(notifier.kicks(), expected);
}

TEST_P(VirtioPeerOfKind, IsCalledOnlyWhereItAsksForIt) {
  OpenKind();
  VirtioPeer::Vring& vring = peer_->vring(VirtioPeer::ReceiveRing(0));
  const auto deliver = [&](size_t count) {
    ASSERT_EQ(Deliver(0, Frames(0, count)), count);
    ASSERT_THAT(peer_->Receive(0), SizeIs(count));
  };
  // The first call may come unasked: the back end doesn't know yet what it last called for.
  deliver(1);
  const uint64_t first = vring.notifier.TakeCalls();
  EXPECT_LE(first, 1u);
  for (size_t i = 0; i < 100; ++i) deliver(9);
  EXPECT_EQ(vring.notifier.TakeCalls(), first);

  vring.queue->CallAlways();
  deliver(1);
  EXPECT_EQ(vring.notifier.TakeCalls(), first + 1);
  deliver(1);
  EXPECT_TRUE(vring.notifier.WaitForCall(absl::Seconds(5)));
  EXPECT_EQ(vring.notifier.TakeCalls(), first + 2);
  EXPECT_FALSE(vring.notifier.WaitForCall(absl::ZeroDuration()));

  if ((peer_->features() & kRingEventIndex) != 0) {
    vring.queue->CallAfter(10);
    deliver(9);
    EXPECT_EQ(vring.notifier.TakeCalls(), first + 2);
    deliver(1);
    EXPECT_EQ(vring.notifier.TakeCalls(), first + 3);
    deliver(20);
    EXPECT_EQ(vring.notifier.TakeCalls(), first + 3);
  }
  vring.queue->CallNever();
  const uint64_t before = vring.notifier.TakeCalls();
  for (size_t i = 0; i < 100; ++i) deliver(9);
  EXPECT_EQ(vring.notifier.TakeCalls(), before);
}

TEST_P(VirtioPeerOfKind, StopsAndStartsAgain) {
  OpenKind();
  for (size_t round = 0; round < 3; ++round) {
    ASSERT_EQ(peer_->Send(0, Frames(round, 11)), 11u);
    EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(round, 11)));
    absl::Status status = peer_->Stop();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_FALSE(back_end_->HasDevice());
    status = peer_->Start();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(back_end_->HasDevice());
  }
}

// A back end that ends and comes again finds in the rings what the guest put there.
TEST_P(VirtioPeerOfKind, KeepsItsRingsOverANewBackEnd) {
  OpenKind();
  for (size_t round = 0; round < 5; ++round) {
    ASSERT_EQ(peer_->Send(0, Frames(round, 40)), 40u);
    EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(round, 40)));
    ASSERT_EQ(Deliver(0, Frames(round, 23)), 23u);
    ASSERT_EQ(peer_->Send(0, Frames(round + 7, 33)), 33u);

    back_end_.reset();
    back_end_.emplace(path_, RteVhostBackEnd::Options{});
    EXPECT_EQ(BytesOf(peer_->Receive(0)), BytesOf(Frames(round, 23)));
    const absl::Status status = peer_->Connect(path_, VirtioPeer::Rings::kKeep);
    ASSERT_TRUE(status.ok()) << status;

    EXPECT_EQ(BytesOf(back_end_->Dequeue(0)), BytesOf(Frames(round + 7, 33)));
    EXPECT_EQ(peer_->InFlight(0), 0u);
    ASSERT_EQ(Deliver(0, Frames(round, 50)), 50u);
    EXPECT_EQ(BytesOf(peer_->Receive(0)), BytesOf(Frames(round, 50)));
  }
}

}  // namespace
}  // namespace podwarp::test
