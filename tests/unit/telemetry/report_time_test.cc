#include <gmock/gmock.h>
#include <rte_cycles.h>

#include "support/eal.h"
#include "telemetry/report.h"
#include "telemetry/test_node.h"

namespace podwarp::test {
namespace {

absl::Duration OfCycles(uint64_t cycles) {
  return absl::Seconds(static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz()));
}

TEST(ReportStage, HasCyclesPerFrameAndFramesPerBurst) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  StageCounters& route = node.counters().stages[static_cast<size_t>(Stage::kRoute)];
  route.bursts.Add(4);
  route.frames.Add(100);
  route.cycles.Add(1500);
  for (const std::optional<size_t> worker : {std::optional<size_t>(), std::optional<size_t>(0)}) {
    const StageReport report = ReportStage(*node, Stage::kRoute, worker);
    EXPECT_EQ(report.stage, Stage::kRoute);
    EXPECT_EQ(report.bursts, 4u);
    EXPECT_EQ(report.frames, 100u);
    EXPECT_EQ(report.cycles, 1500u);
    EXPECT_DOUBLE_EQ(report.cycles_per_frame, 15);
    EXPECT_DOUBLE_EQ(report.frames_per_burst, 25);
  }
  const StageReport idle = ReportStage(*node, Stage::kSend);
  EXPECT_EQ(idle.frames, 0u);
  EXPECT_EQ(idle.cycles_per_frame, 0);
  EXPECT_EQ(idle.frames_per_burst, 0);
}

TEST(ReportLatency, IsZeroWithoutSamples) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  const LatencyReport report = ReportLatency(*node);
  EXPECT_EQ(report.samples, 0u);
  for (const absl::Duration value :
       {report.p50, report.p90, report.p99, report.p999, report.max, report.mean}) {
    EXPECT_EQ(value, absl::ZeroDuration());
  }
}

TEST(ReportLatency, HasPercentilesWithinAnEighth) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  uint64_t sum = 0;
  for (uint64_t i = 1; i <= 10'000; ++i) {
    node.counters().latency.Add(100 * i);
    sum += 100 * i;
  }
  const LatencyReport report = ReportLatency(*node, 0);
  EXPECT_EQ(report.samples, 10'000u);
  const auto is_near = [](absl::Duration reported, uint64_t cycles) {
    EXPECT_GE(reported, OfCycles(cycles) - absl::Nanoseconds(1)) << cycles;
    EXPECT_LE(reported, OfCycles(cycles + cycles / 8) + absl::Nanoseconds(1)) << cycles;
  };
  is_near(report.p50, 500'000);
  is_near(report.p90, 900'000);
  is_near(report.p99, 990'000);
  is_near(report.p999, 999'000);
  is_near(report.max, 1'000'000);
  EXPECT_LT(absl::AbsDuration(report.mean - OfCycles(sum / 10'000)), absl::Nanoseconds(1));
}

TEST(ReportLatency, HasOneSampleWhole) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  node.counters().latency.Add(7);  // its bucket has no other value
  const LatencyReport report = ReportLatency(*node);
  EXPECT_EQ(report.samples, 1u);
  for (const absl::Duration value :
       {report.p50, report.p90, report.p99, report.p999, report.max, report.mean}) {
    EXPECT_EQ(value, OfCycles(7));
  }
}

TEST(ReportLatency, EndsWithItsLastBucket) {
  TestNode node(NodeYaml(kTwoPods), TestPool());
  node.counters().latency.Add(UINT64_MAX / 2);
  EXPECT_EQ(ReportLatency(*node).max, OfCycles(uint64_t{1} << LatencyHistogram::kMaxBits));
}

}  // namespace
}  // namespace podwarp::test
