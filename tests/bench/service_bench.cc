// Cycles per frame of services, the whole way of 64-byte frames in bursts of 64: what connections
// cost that are there already, by how many there are, and what a new one costs.
//
//   build/tests/bench/bench_service
//
// Read the counter cycles_per_frame (TSC cycles), not the times: these contain what is done to make
// the frames. The difference to BM_Plain with as many flows is what translation costs. The last two
// sizes fill a table to 15/16, as far as it is let. The frames of a burst belong to flows drawn at
// random, so that nothing about a flow is in a cache that wouldn't be there anyway.
#include <benchmark/benchmark.h>
#include <glog/logging.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "load/service_scene.h"
#include "support/eal.h"

namespace podwarp::test {
namespace {

using Keys = std::array<FlowKey, kBurstFrames>;

// A table of this capacity with so many connections, and what the opening of each has cost.
class Established {
 public:
  Established(uint32_t capacity, uint32_t flows) : scene(capacity), order_(flows) {
    std::iota(order_.begin(), order_.end(), 0);
    std::shuffle(order_.begin(), order_.end(), std::mt19937(1));
    uint64_t cycles = 0;
    for (uint32_t i = 0; i + kBurstFrames <= flows; i += kBurstFrames) {
      cycles += scene.Round(scene.host, NextKeys(ServiceScene::CallOf));
    }
    cycles_per_new_flow = static_cast<double>(cycles) / flows;
    // Where both buckets of a key are full, an older flow gives way.
    CHECK_GE(scene.tables.connections.statistics().in_use, flows - flows / 1000);
  }

  // The last one that was asked for is kept: filling a large table takes a while.
  static Established& Of(const benchmark::State& state) {
    static std::unique_ptr<Established> last;
    const auto flows = static_cast<uint32_t>(state.range(1));
    if (last == nullptr || last->order_.size() != flows) {
      last.reset();
      last = std::make_unique<Established>(static_cast<uint32_t>(state.range(0)), flows);
    }
    return *last;
  }

  template <typename KeyOf>
  Keys NextKeys(const KeyOf& key_of) {
    Keys keys;
    for (FlowKey& key : keys) key = key_of(order_[next_++ % order_.size()]);
    return keys;
  }

  ServiceScene scene;
  double cycles_per_new_flow = 0;

 private:
  std::vector<uint32_t> order_;
  size_t next_ = 0;
};

template <typename KeyOf>
void Measure(benchmark::State& state, Established& established, PortId port, const KeyOf& key_of) {
  const Counter& translated = established.scene.counters.translated;
  const uint64_t translated_before = translated.value();
  uint64_t cycles = 0;
  uint64_t frames = 0;
  for (auto _ : state) {
    cycles += established.scene.Round(port, established.NextKeys(key_of));
    frames += kBurstFrames;
  }
  const auto a_frame = [frames](uint64_t of_all) {
    return static_cast<double>(of_all) / static_cast<double>(frames);
  };
  state.counters["cycles_per_frame"] = a_frame(cycles);
  state.counters["translated"] = a_frame(translated.value() - translated_before);
}

// The same packets on their way to backends that the clients have chosen themselves.
void BM_Plain(benchmark::State& state) {
  Established& established = Established::Of(state);
  Measure(state, established, established.scene.host, ServiceScene::PlainCallOf);
}

void BM_Calls(benchmark::State& state) {
  Established& established = Established::Of(state);
  Measure(state, established, established.scene.host, ServiceScene::CallOf);
  state.counters["cycles_per_new_flow"] = established.cycles_per_new_flow;
}

void BM_Answers(benchmark::State& state) {
  Established& established = Established::Of(state);
  Measure(state, established, established.scene.uplink,
          [&](uint32_t flow) { return established.scene.AnswerTo(flow); });
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"capacity", "connections"});
  for (const auto& [capacity, connections] :
       {std::pair{1 << 20, 1 << 10}, std::pair{1 << 20, 100'032}, std::pair{1 << 20, 15 << 16},
        std::pair{1 << 22, 15 << 18}}) {
    benchmark->Args({capacity, connections});
  }
}
BENCHMARK(BM_Plain)->Apply(Sizes);
BENCHMARK(BM_Calls)->Apply(Sizes);
BENCHMARK(BM_Answers)->Apply(Sizes);

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  podwarp::test::EnsureEal();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
