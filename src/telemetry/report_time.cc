// What time is spent on: by each stage, and by a frame on its way.
#include <glog/logging.h>
#include <rte_cycles.h>

#include <array>
#include <cmath>

#include "telemetry/report.h"

namespace podwarp {
namespace {

// Calls for the counters of the worker, or of all.
template <typename Visit>
void ForEachWorker(const Node& node, std::optional<size_t> worker, const Visit& visit) {
  const size_t workers = node.workers().size();
  if (worker.has_value()) CHECK_LT(*worker, workers);
  for (size_t i = worker.value_or(0); i < (worker.has_value() ? *worker + 1 : workers); ++i) {
    visit(node.workers()[i].counters());
  }
}

absl::Duration OfCycles(double cycles) {
  return absl::Seconds(cycles / static_cast<double>(rte_get_tsc_hz()));
}

// The most cycles that are counted in the bucket; of the last one, the least.
uint64_t UpperBound(size_t bucket) {
  constexpr size_t kLast = LatencyHistogram::kBuckets - 1;
  return bucket == kLast ? LatencyHistogram::LowerBound(kLast)
                         : LatencyHistogram::LowerBound(bucket + 1) - 1;
}

}  // namespace

StageReport ReportStage(const Node& node, Stage stage, std::optional<size_t> worker) {
  StageReport report{.stage = stage};
  ForEachWorker(node, worker, [&](const WorkerCounters& counters) {
    const StageCounters& counted = counters.stages[static_cast<size_t>(stage)];
    report.bursts += counted.bursts.value();
    report.frames += counted.frames.value();
    report.cycles += counted.cycles.value();
  });
  const auto frames = static_cast<double>(report.frames);
  if (report.frames > 0) report.cycles_per_frame = static_cast<double>(report.cycles) / frames;
  if (report.bursts > 0) report.frames_per_burst = frames / static_cast<double>(report.bursts);
  return report;
}

LatencyReport ReportLatency(const Node& node, std::optional<size_t> worker) {
  std::array<uint64_t, LatencyHistogram::kBuckets> counts{};
  double sum = 0;  // cycles
  LatencyReport report;
  ForEachWorker(node, worker, [&](const WorkerCounters& counters) {
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += counters.latency.count(i);
    sum += static_cast<double>(counters.latency.sum());
  });
  for (const uint64_t count : counts) report.samples += count;
  if (report.samples == 0) return report;
  const auto samples = static_cast<double>(report.samples);
  const auto percentile = [&](double share) {
    const auto wanted = static_cast<uint64_t>(std::ceil(share * samples));
    size_t bucket = 0;
    for (uint64_t passed = counts[0]; passed < wanted; passed += counts[++bucket]) {
    }
    return OfCycles(static_cast<double>(UpperBound(bucket)));
  };
  report.p50 = percentile(0.5);
  report.p90 = percentile(0.9);
  report.p99 = percentile(0.99);
  report.p999 = percentile(0.999);
  report.max = percentile(1);
  report.mean = OfCycles(sum / samples);
  return report;
}

}  // namespace podwarp
