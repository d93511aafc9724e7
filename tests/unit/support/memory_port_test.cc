#include "support/memory_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>

#include "support/describe.h"
#include "support/eal.h"
#include "support/fake_clock.h"
#include "support/mbuf.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Ethernet kEthernet("02:00:00:00:00:01"_mac, "02:00:00:00:00:0a"_mac);
const Packet kFirst = kEthernet / Payload(50);
const Packet kSecond = kEthernet / Payload(51);
const Packet kTagged = kEthernet / Vlan(5) / Payload(50);

TEST(MemoryPort, ReceivesWhatWasInjectedInOrder) {
  const unsigned before = BuffersInUse();
  {
    MemoryPort port({.name = "pod", .receive_queues = 2});
    for (const Packet& packet : {kFirst, kSecond, kTagged}) port.Inject(packet, 1);
    rte_mbuf* frames[2];
    EXPECT_EQ(port.Receive(0, frames, 2), 0);
    ASSERT_EQ(port.Receive(1, frames, 2), 2);
    EXPECT_THAT(FromMbuf(frames[0]), EqualsFrame(kFirst));
    EXPECT_THAT(FromMbuf(frames[1]), EqualsFrame(kSecond));
    rte_pktmbuf_free_bulk(frames, 2);
    EXPECT_EQ(port.injected_left(), 1u);
  }
  EXPECT_EQ(BuffersInUse(), before);
}

TEST(MemoryPort, TakesAsManyAsItHasRoomFor) {
  MemoryPort port({.name = "pod"});
  port.SetTransmitRoom(1);
  rte_mbuf* frames[] = {ToMbuf(kFirst), ToMbuf(kSecond)};
  EXPECT_EQ(port.Transmit(0, frames, 2), 1);
  EXPECT_EQ(port.Transmit(0, frames + 1, 1), 0);
  EXPECT_THAT(port.TakeTransmitted(), ElementsAre(EqualsFrame(kFirst)));
  EXPECT_THAT(port.TakeTransmitted(), IsEmpty());
  port.SetTransmitRoom(10);
  EXPECT_EQ(port.Transmit(0, frames + 1, 1), 1);
  EXPECT_THAT(port.TakeTransmitted(), ElementsAre(kSecond));
  EXPECT_EQ(BuffersInUse(), 0u);
}

TEST(MemoryPort, KeepsOffloadWorkerAndSegments) {
  MemoryPort port({.name = "pod", .workers = 4}, {.checksum = true, .multi_segment = true});
  rte_mbuf* frame = ToMbuf(kFirst, {.segments = {14}, .offload = Offload{.checksum_wanted = true}});
  ASSERT_EQ(port.Transmit(3, &frame, 1), 1);
  const std::vector<TransmittedFrame> frames = port.TakeTransmittedFrames();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_THAT(frames[0].packet, EqualsFrame(kFirst));
  EXPECT_TRUE(frames[0].offload->checksum_wanted);
  EXPECT_EQ(frames[0].worker, 3);
  EXPECT_EQ(frames[0].segments, 2);
}

TEST(MemoryPort, FailsTheTestIfAFrameNeedsMoreThanItCan) {
  MemoryPort port({.name = "pod"});
  const auto transmit = [&](const Packet& packet, const MbufOptions& options, uint64_t flags = 0) {
    rte_mbuf* frame = ToMbuf(packet, options);
    frame->ol_flags |= flags;
    port.Transmit(0, &frame, 1);
  };
  transmit(kFirst, {.offload = Offload{.trusted = true}});  // nothing left to do
  EXPECT_NONFATAL_FAILURE(transmit(kFirst, {.segments = {14}}), "takes one segment");
  EXPECT_NONFATAL_FAILURE(transmit(kFirst, {.offload = Offload{.checksum_wanted = true}}),
                          "fills in no checksum");
  EXPECT_NONFATAL_FAILURE(transmit(kFirst, {.offload = Offload{.segment_bytes = 9}}),
                          "cuts no segments");
  EXPECT_NONFATAL_FAILURE(transmit(kTagged, {.strip_vlan = true}, RTE_MBUF_F_TX_VLAN),
                          "inserts no tag");
}

TEST(MemoryPort, StateIsWhatTheTestSays) {
  MemoryPort port({.name = "pod"});
  EXPECT_TRUE(port.State().up);
  port.SetState({.up = false, .why_down = "no peer is connected"});
  EXPECT_EQ(port.State().why_down, "no peer is connected");
  port.SetStatistics({.receive_missed = 3});
  EXPECT_EQ(port.Statistics().receive_missed, 3u);
  EXPECT_EQ(port.ReadinessFd(0), -1);
}

TEST(FakeClock, AdvancesAtOneGigahertz) {
  FakeClock clock;
  clock.Advance(absl::Milliseconds(3));
  EXPECT_EQ(clock.now, 3'000'000u);
  EXPECT_EQ(clock.time(), absl::UnixEpoch() + absl::Milliseconds(3));
}

}  // namespace
}  // namespace podwarp::test
