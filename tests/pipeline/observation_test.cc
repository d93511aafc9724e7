// What traces, captures and the stages' clocks say of frames.
#include <gmock/gmock.h>

#include <cstring>
#include <tuple>

#include "pipeline/ip_rows.h"
#include "podwarp/dataplane/capture.h"
#include "podwarp/dataplane/trace.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ObservationTest : public NodeTest {
 protected:
  void Trace(TraceFilter filter, std::optional<uint64_t> clock_hz = std::nullopt) {
    trace_ = std::make_shared<TraceSession>(std::move(filter), 1, clock_hz);
    node.tables.SetObservers({.traces = {trace_}, .captures = {}});
  }
  void Capture(CaptureFilter filter, size_t ring_bytes = CaptureSession::kRingBytes) {
    capture_ = std::make_shared<CaptureSession>(std::move(filter), 1, ring_bytes);
    node.tables.SetObservers({.traces = {}, .captures = {capture_}});
  }
  std::vector<TraceRecord> Traces() {
    std::vector<TraceRecord> records;
    for (TraceRecord record; trace_->Take(&record);) records.push_back(record);
    return records;
  }
  struct Copy {
    CaptureRecord record;
    std::vector<std::byte> bytes;
  };
  std::vector<Copy> Copies() {
    std::vector<Copy> copies;
    capture_->ForEach([&](const CaptureRecord& record, std::span<const std::byte> bytes) {
      copies.push_back({record, {bytes.begin(), bytes.end()}});
      return true;
    });
    return copies;
  }

  std::shared_ptr<TraceSession> trace_;
  std::shared_ptr<CaptureSession> capture_;
};

std::vector<std::string> StagesOf(const TraceRecord& record) {
  std::vector<std::string> stages;
  for (uint8_t i = 0; i < record.step_count; ++i) {
    stages.emplace_back(Name(record.steps[i].stage));
  }
  return stages;
}

const TraceStep& LastOf(const TraceRecord& record) { return record.steps[record.step_count - 1]; }

const TraceStep& StepAt(const TraceRecord& record, Stage stage) {
  for (uint8_t i = 0; i < record.step_count; ++i) {
    if (record.steps[i].stage == stage) return record.steps[i];
  }
  ADD_FAILURE() << "never came to " << Name(stage);
  return record.steps[0];
}

TEST_F(ObservationTest, FollowsAFrameThroughAllStages) {
  Trace({});
  node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB))});
  const std::vector<TraceRecord> traces = Traces();
  ASSERT_EQ(traces.size(), 1u);
  const TraceRecord& trace = traces[0];
  EXPECT_THAT(StagesOf(trace), ElementsAre("receive", "classify", "guard_source", "route",
                                           "translate_service", "rewrite", "transmit", "send"));
  EXPECT_EQ(trace.port, kPodA);
  EXPECT_EQ(trace.cause, 0u);
  EXPECT_FALSE(trace.is_partial);
  const TraceStep& routed = StepAt(trace, Stage::kRoute);
  EXPECT_EQ(routed.kind, NextHopKind::kPod);
  EXPECT_EQ(routed.next_hop_port, kPodB);
  EXPECT_EQ(routed.time_to_live, 64);
  EXPECT_EQ(routed.flow.destination, kIpB);
  const TraceStep& rewritten = StepAt(trace, Stage::kRewrite);
  EXPECT_EQ(rewritten.time_to_live, 63);
  EXPECT_EQ(rewritten.destination_mac, kMacB);
  EXPECT_EQ(rewritten.source_mac, kGatewayMac);
  EXPECT_EQ(LastOf(trace).verdict, TraceVerdict::kSent);
  EXPECT_EQ(LastOf(trace).port, kPodB);
}

TEST_F(ObservationTest, SaysWhereAndWhyAFrameEnds) {
  Trace({});
  node.Run(kPodB, {FromA(Ipv4(kIpA, kIpB))});
  const std::vector<TraceRecord> traces = Traces();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(LastOf(traces[0]).stage, Stage::kGuardSource);
  EXPECT_EQ(LastOf(traces[0]).verdict, TraceVerdict::kDropped);
  EXPECT_EQ(LastOf(traces[0]).reason, DropReason::kSpoofedMac);
  EXPECT_EQ(LastOf(traces[0]).port, kNoPort);  // it was to leave by none yet
}

TEST_F(ObservationTest, WhatIsMadeInAnswerComesWithItsCause) {
  Trace({.drop = DropReason::kTtlExpired});
  node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB).Ttl(1)), FromA(Ipv4(kIpA, kIpB))});
  const std::vector<TraceRecord> traces = Traces();
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(LastOf(traces[0]).reason, DropReason::kTtlExpired);
  EXPECT_EQ(traces[1].cause, traces[0].number);
  EXPECT_EQ(traces[1].port, kNoPort);
  EXPECT_EQ(LastOf(traces[1]).verdict, TraceVerdict::kSent);
  EXPECT_EQ(LastOf(traces[1]).port, kPodA);
  EXPECT_EQ(traces[1].steps[0].stage, Stage::kHandleException);
}

TEST_F(ObservationTest, AnEchoReplyIsTheSameFrame) {
  Trace({});
  node.Run(kPodA, {Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kGatewayIp) / Icmp::Echo(1, 1)});
  const std::vector<TraceRecord> traces = Traces();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_THAT(
      StagesOf(traces[0]),
      ElementsAre("receive", "classify", "guard_source", "route", "translate_service", "rewrite",
                  "handle_exception", "route", "translate_service", "rewrite", "transmit", "send"));
  EXPECT_EQ(LastOf(traces[0]).port, kPodA);
}

TEST_F(ObservationTest, ArpIsAnsweredInPlace) {
  Trace({});
  node.Run(kPodA, {Ethernet(MacAddress::Broadcast(), kMacA) / Arp::Request(kMacA, kIpA, kIpB)});
  const std::vector<TraceRecord> traces = Traces();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_THAT(StagesOf(traces[0]),
              ElementsAre("receive", "classify", "answer_arp", "transmit", "send"));
  EXPECT_EQ(StepAt(traces[0], Stage::kAnswerArp).source_mac, kGatewayMac);
  EXPECT_EQ(LastOf(traces[0]).port, kPodA);
}

TEST_F(ObservationTest, FiltersFrames) {
  const Packet from_a = FromA(Ipv4(kIpA, kRemoteIp));
  const Packet from_b = Datagram(kGatewayMac, kMacB, Ipv4(kIpB, kRemoteIp));
  const Packet a_to_b = FromA(Ipv4(kIpA, kIpB));
  const auto count = [&](TraceFilter filter) {
    Trace(std::move(filter));
    node.Run(kPodA, {from_a, a_to_b});
    node.Run(kPodB, {from_b});
    return Traces().size();
  };
  EXPECT_EQ(count({}), 3u);
  EXPECT_EQ(count({.ingress = kPodB}), 1u);
  EXPECT_EQ(count({.pod = TraceFilter::Pod{kPodB, {kIpB, kSecondIpB}}}), 2u);
  EXPECT_EQ(count({.address = kIpA}), 2u);
  EXPECT_EQ(count({.address = kRemoteIp}), 2u);
  EXPECT_EQ(count({.ingress = kPodA, .address = kIpB}), 1u);
  EXPECT_EQ(count({.address = kOutsideIp}), 0u);
  EXPECT_EQ(count({.any_drop = true}), 0u);
}

TEST_F(ObservationTest, FindsAddressesInArpAndBehindATag) {
  Trace({.address = kIpB});
  node.Run(kPodA, {Ethernet(MacAddress::Broadcast(), kMacA) / Arp::Request(kMacA, kIpA, kIpB),
                   Ethernet(kGatewayMac, kMacA) / Vlan(7) / Ipv4(kIpA, kIpB) / Udp(1, 2)});
  EXPECT_EQ(Traces().size(), 2u);
}

// With a clock that has hardly a tick a second, nothing passes but what may come at once.
TEST_F(ObservationTest, FollowsNoMoreThanTheRateAllows) {
  Trace({}, /*clock_hz=*/UINT64_MAX / 4);
  const std::vector<Input> frames(64, FromA(Ipv4(kIpA, kIpB)));
  for (int i = 0; i < 3; ++i) node.Run(kPodA, frames);
  EXPECT_EQ(Traces().size(), 64u);
}

// Slots and rate are used up by frames that go on, and a rare drop is told nevertheless.
TEST_F(ObservationTest, ADropThatWasNotFollowedIsToldByItsEnd) {
  Trace({.drop = DropReason::kSpoofedIp}, /*clock_hz=*/UINT64_MAX / 4);
  const std::vector<Input> frames(64, FromA(Ipv4(kIpA, kIpB)));
  node.Run(kPodA, frames);
  node.Run(kPodA, {FromA(Ipv4(kIpB, kIpB))});
  const std::vector<TraceRecord> traces = Traces();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_TRUE(traces[0].is_partial);
  EXPECT_EQ(traces[0].port, kPodA);
  EXPECT_EQ(traces[0].step_count, 1);
  EXPECT_EQ(traces[0].steps[0].stage, Stage::kGuardSource);
  EXPECT_EQ(traces[0].steps[0].reason, DropReason::kSpoofedIp);
}

TEST_F(ObservationTest, WhatAFullQueueLeavesIsDroppedAndNotSent) {
  Trace({});
  node.port(kPodB).SetTransmitRoom(2);
  node.Run(kPodA, std::vector<Input>(5, FromA(Ipv4(kIpA, kIpB))));
  int sent = 0, dropped = 0;
  for (const TraceRecord& trace : Traces()) {
    sent += LastOf(trace).verdict == TraceVerdict::kSent;
    if (LastOf(trace).verdict != TraceVerdict::kDropped) continue;
    ++dropped;
    EXPECT_EQ(LastOf(trace).reason, DropReason::kTransmitQueueFull);
    EXPECT_EQ(LastOf(trace).stage, Stage::kSend);
    EXPECT_EQ(LastOf(trace).port, kPodB);
  }
  EXPECT_EQ(sent, 2);
  EXPECT_EQ(dropped, 3);
}

TEST_F(ObservationTest, CopiesAreWhatPortsHaveTakenAndNoMore) {
  Capture({.port = kPodB});
  node.port(kPodB).SetTransmitRoom(2);
  node.Run(kPodA, std::vector<Input>(5, FromA(Ipv4(kIpA, kIpB))));
  std::vector<std::tuple<CapturePoint, bool>> points;
  for (const Copy& copy : Copies()) points.emplace_back(copy.record.point, copy.record.is_leaving);
  const auto sent = std::tuple(CapturePoint::kTransmitted, true);
  const auto dropped = std::tuple(CapturePoint::kDropped, true);
  EXPECT_THAT(points, ElementsAre(sent, sent, dropped, dropped, dropped));
}

TEST_F(ObservationTest, CopiesAreWhole) {
  Capture({});
  const Packet frame = FromA(Ipv4(kIpA, kIpB), 900);
  const Result result = node.Run(kPodA, {Input(frame, {.segments = {200, 0, 300}})});
  const std::vector<Copy> copies = Copies();
  ASSERT_EQ(copies.size(), 2u);
  ASSERT_EQ(copies[0].bytes.size(), frame.size());
  EXPECT_EQ(std::memcmp(copies[0].bytes.data(), frame.bytes().data(), frame.size()), 0);
  const Packet& sent = result.sent.at(0).second.packet;
  EXPECT_EQ(std::memcmp(copies[1].bytes.data(), sent.bytes().data(), sent.size()), 0);
}

TEST_F(ObservationTest, ATagApartStandsInTheCopy) {
  Capture({.port = kTrunk, .snap_bytes = 60});
  const Packet frame = Ethernet(kVirtualMac, kNodeCMac) / Vlan(kTrunkVlan) /
                       Ipv4(kTrunkRemoteIp, kIpA) / Udp(1, 2) / Payload(100);
  node.Run(kTrunk, {Stripped(frame)});
  node.Run(kPodA, {FromA(Ipv4(kIpA, kTrunkRemoteIp))});
  const std::vector<Copy> copies = Copies();
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].record.frame_bytes, frame.size());
  ASSERT_EQ(copies[0].bytes.size(), 60u);
  EXPECT_EQ(std::memcmp(copies[0].bytes.data(), frame.bytes().data(), 60), 0);
  EXPECT_EQ(static_cast<int>(copies[1].bytes[12]), 0x81);
  EXPECT_EQ(static_cast<int>(copies[1].bytes[15]), kTrunkVlan);
}

TEST_F(ObservationTest, ADroppedFramesCopySaysWhy) {
  Capture({.drops_only = true});
  node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB)), FromA(Ipv4(kIpB, kIpA))});
  const std::vector<Copy> copies = Copies();
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].record.reason, DropReason::kSpoofedIp);
  EXPECT_EQ(copies[0].record.port, kPodA);
  EXPECT_EQ(copies[0].record.stage, Stage::kGuardSource);
  EXPECT_FALSE(copies[0].record.is_leaving);
}

TEST_F(ObservationTest, WhatFindsNoRoomIsCountedAndTheRestIsWhole) {
  Capture({.port = kPodA}, /*ring_bytes=*/1024);
  node.Run(kPodA, std::vector<Input>(32, FromA(Ipv4(kIpA, kIpB))));
  const size_t copies = Copies().size();
  EXPECT_GT(copies, 0u);
  EXPECT_EQ(copies + capture_->lost(), 32u);
  node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB))});
  EXPECT_EQ(Copies().size(), 1u);
}

TEST_F(ObservationTest, AProgramDecides) {
  const auto is_long = [](const void*, rte_mbuf* frame) {
    return rte_pktmbuf_pkt_len(frame) > 500;
  };
  Capture({.port = kPodA, .program = FrameProgram{.run = is_long, .program = nullptr}});
  node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB)), FromA(Ipv4(kIpA, kIpB), 600)});
  EXPECT_EQ(Copies().size(), 1u);
}

TEST_F(ObservationTest, OneBurstInSoManyIsTimed) {
  node.tables.SetObservers({});
  for (uint32_t i = 0; i < 2 * kTimedEvery; ++i) node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB))});
  const auto counters = [&](Stage stage) -> const StageCounters& {
    return node.counters.stages[static_cast<size_t>(stage)];
  };
  // The first one is due after so many.
  for (const Stage stage :
       {Stage::kReceive, Stage::kClassify, Stage::kGuardSource, Stage::kRoute,
        Stage::kTranslateService, Stage::kRewrite, Stage::kTransmit, Stage::kSend}) {
    EXPECT_EQ(counters(stage).bursts.value(), 1u) << Name(stage);
    EXPECT_EQ(counters(stage).frames.value(), 1u) << Name(stage);
    EXPECT_GT(counters(stage).cycles.value(), 0u) << Name(stage);
  }
  EXPECT_EQ(counters(Stage::kAnswerArp).bursts.value(), 0u);
  uint64_t samples = 0;
  for (size_t i = 0; i < LatencyHistogram::kBuckets; ++i) samples += node.counters.latency.count(i);
  EXPECT_EQ(samples, 1u);
  EXPECT_GT(node.counters.latency.sum(), 0u);
}

TEST_F(ObservationTest, NobodyIsToldAfterTheEnd) {
  Trace({});
  node.tables.SetObservers({});
  node.Run(kPodA, {FromA(Ipv4(kIpA, kIpB))});
  EXPECT_THAT(Traces(), IsEmpty());
}

}  // namespace
}  // namespace podwarp::test
