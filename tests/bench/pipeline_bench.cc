// Cycles per frame of each stage and of the whole way: 64-byte frames, 16,384 flows over 256 /24
// ranges of 256 next hops, bursts of 64.
//
//   build/tests/bench/bench_pipeline
//
// Read the counter cycles_per_frame (TSC cycles), not the times: these contain what is done around
// the stage to make the frames new again. Frames come from 1,024 buffers whose headers were just
// written, as a NIC with direct cache access leaves them; the port's own cost is not in it.
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/stages.h"
#include "podwarp/dataplane/pipeline.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"
#include "support/replay_port.h"

namespace podwarp::test {
namespace {

constexpr uint32_t kFlows = 16384;
constexpr uint32_t kRanges = 256;
constexpr uint16_t kBuffers = 1024;
constexpr size_t kHeaderBytes = 64;

const MacAddress kVirtualMac({2, 0, 0, 0, 0, 1});
const MacAddress kPodMac({2, 0, 0, 0, 0, 2});
const Ipv4Address kPodIp(10, 0, 0, 1);

// A node with an uplink and a pod, and routes to 256 remote nodes over a second uplink.
struct Scene {
  Scene() {
    in = AddPort({.name = "in", .role = PortRole::kUplink, .router_mac = kVirtualMac});
    pod = AddPort({.name = "pod", .role = PortRole::kPod, .router_mac = kVirtualMac});
    const PortId out =
        AddPort({.name = "out", .role = PortRole::kUplink, .router_mac = kVirtualMac});
    tables.pods.Set(pod, {.name = "pod", .mac = kPodMac, .addresses = {kPodIp}});
    for (uint32_t i = 0; i < kRanges; ++i) {
      const auto index = tables.adjacencies.Add(
          {.destination = MacAddress({2, 1, 0, 0, 0, static_cast<uint8_t>(i)}),
           .source = kVirtualMac,
           .port = out,
           .mtu_bytes = 1500,
           .kind = NextHopKind::kNode});
      CHECK(tables.routes.Set(Ipv4Prefix(Ipv4Address(RangeOf(i)), 24), *index).ok());
    }
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      const Packet frame = (Ethernet(kVirtualMac, kPodMac) /
                            Ipv4(kPodIp, Ipv4Address(RangeOf(flow % kRanges) + flow / kRanges)) /
                            Udp(static_cast<uint16_t>(flow), 9))
                               .PadTo(kHeaderBytes);
      std::memcpy(templates[flow].data(), frame.bytes().data(), kHeaderBytes);
    }
    for (rte_mbuf*& buffer : buffers) {
      buffer = rte_pktmbuf_alloc(TestPool());
      CHECK(buffer != nullptr);
      rte_pktmbuf_append(buffer, kHeaderBytes);
    }
  }

  PortId AddPort(const PortSettings& settings) {
    return *tables.ports.Add(std::make_unique<ReplayPort>(settings));
  }
  static uint32_t RangeOf(uint32_t i) { return Ipv4Address(10, 1, 0, 0).value() + (i << 8); }

  // The next 64 frames, as if they had just come in.
  Burst Fresh(PortId port) {
    Burst burst({.id = port, .port = tables.ports.Get(port), .pod = tables.pods.Get(port)});
    for (; burst.count < kBurstFrames; ++burst.count) {
      rte_mbuf* buffer = buffers[next_flow % kBuffers];
      std::memcpy(rte_pktmbuf_mtod(buffer, void*), templates[next_flow].data(), kHeaderBytes);
      buffer->ol_flags = 0;
      burst.frames[burst.count] = buffer;
      next_flow = (next_flow + 1) % kFlows;
    }
    return burst;
  }

  Tables tables{1, 1024};
  EventRing events{kEventRingSize};
  WorkerCounters counters;
  WorkerContext context{.worker = 0,
                        .tables = tables,
                        .counters = counters,
                        .events = events,
                        .pool = TestPool(),
                        .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()}};
  PortId in = kNoPort;
  PortId pod = kNoPort;
  uint32_t next_flow = 0;
  std::vector<std::array<uint8_t, kHeaderBytes>> templates{kFlows};
  std::array<rte_mbuf*, kBuffers> buffers;
};

Scene& TheScene() {
  static Scene* scene = new Scene;  // outlives the EAL's last use
  return *scene;
}

// `before` brings the burst to where `stage` takes over; only `stage` is timed.
template <typename Before, typename Stage>
void Measure(benchmark::State& state, bool from_pod, const Before& before, const Stage& stage) {
  Scene& scene = TheScene();
  uint64_t cycles = 0;
  uint64_t frames = 0;
  for (auto _ : state) {
    Burst burst = scene.Fresh(from_pod ? scene.pod : scene.in);
    before(scene, burst);
    const uint16_t count = burst.count;
    CHECK_EQ(count, kBurstFrames);
    const uint64_t start = rte_rdtsc_precise();
    stage(scene, burst);
    cycles += rte_rdtsc_precise() - start;
    frames += count;
    for (const PortId port : scene.context.waiting) scene.context.transmit[port].count = 0;
    scene.context.waiting.clear();
  }
  state.counters["cycles_per_frame"] = static_cast<double>(cycles) / static_cast<double>(frames);
}

void DoNothing(Scene&, Burst&) {}
void DoClassify(Scene& scene, Burst& burst) {
  Burst arp(burst.ingress);
  Classify(scene.context, burst, arp);
}
void DoGuard(Scene& scene, Burst& burst) { GuardSource(scene.context, burst); }
void DoRoute(Scene& scene, Burst& burst) { Route(scene.context, burst); }
void DoRewrite(Scene& scene, Burst& burst) {
  Burst exceptions(burst.ingress);
  Rewrite(scene.context, burst, exceptions);
}
void DoTransmit(Scene& scene, Burst& burst) { Transmit(scene.context, burst); }

void BM_Classify(benchmark::State& state) { Measure(state, false, DoNothing, DoClassify); }
void BM_GuardSource(benchmark::State& state) { Measure(state, true, DoClassify, DoGuard); }
void BM_Route(benchmark::State& state) { Measure(state, false, DoClassify, DoRoute); }
void BM_Rewrite(benchmark::State& state) {
  const auto before = [](Scene& scene, Burst& burst) {
    DoClassify(scene, burst);
    DoRoute(scene, burst);
  };
  Measure(state, false, before, DoRewrite);
}
void BM_Transmit(benchmark::State& state) {
  const auto before = [](Scene& scene, Burst& burst) {
    DoClassify(scene, burst);
    DoRoute(scene, burst);
    DoRewrite(scene, burst);
  };
  Measure(state, false, before, DoTransmit);
}

void BM_AnswerArp(benchmark::State& state) {
  const Packet request = (Ethernet(MacAddress::Broadcast(), kPodMac) /
                          Arp::Request(kPodMac, kPodIp, Ipv4Address(Scene::RangeOf(7) + 1)))
                             .PadTo(kHeaderBytes);
  const auto before = [&](Scene&, Burst& burst) {
    for (uint16_t i = 0; i < burst.count; ++i) {
      std::memcpy(rte_pktmbuf_mtod(burst.frames[i], void*), request.bytes().data(), kHeaderBytes);
    }
  };
  const auto stage = [](Scene& scene, Burst& burst) {
    Burst arp(burst.ingress);
    Classify(scene.context, burst, arp);
    AnswerArp(scene.context, arp);
    for (uint16_t i = 0; i < arp.count; ++i) {  // the answer is shorter than the request was
      rte_pktmbuf_append(arp.frames[i], kHeaderBytes - kMinFrameBytes);
    }
  };
  Measure(state, true, before, stage);
}

// The worker's round without the worker: Receive to Transmit, counters and all.
void BM_WholeWay(benchmark::State& state) {
  Scene& scene = TheScene();
  const bool from_pod = state.range(0) != 0;
  const PortId port = from_pod ? scene.pod : scene.in;
  auto* replay = static_cast<ReplayPort*>(scene.tables.ports.Get(port));
  Pipeline pipeline(&scene.context);
  uint64_t cycles = 0;
  uint64_t frames = 0;
  for (auto _ : state) {
    const Burst burst = scene.Fresh(port);
    replay->next.assign(burst.frames, burst.frames + burst.count);
    const uint64_t start = rte_rdtsc_precise();
    pipeline.BeginRound(start);
    frames += pipeline.Process(port, 0);
    pipeline.Flush();
    cycles += rte_rdtsc_precise() - start;
  }
  state.counters["cycles_per_frame"] = static_cast<double>(cycles) / static_cast<double>(frames);
}

BENCHMARK(BM_Classify);
BENCHMARK(BM_GuardSource);
BENCHMARK(BM_Route);
BENCHMARK(BM_Rewrite);
BENCHMARK(BM_Transmit);
BENCHMARK(BM_AnswerArp);
BENCHMARK(BM_WholeWay)->ArgName("from_pod")->Arg(0)->Arg(1);

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  podwarp::test::EnsureEal();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
