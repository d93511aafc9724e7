// What a large cluster costs to know: 5,000 nodes, 10,000 services of 10 endpoints, 20,000 pods.
//
//   build/tests/bench/bench_cluster_state
//
// A change is parsed JSON that comes from the server, up to the edit for the node. BM_Relist is
// what a list costs that has nothing new. The counter kib is what all of it takes in memory.
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "unit/kubernetes/cluster_fixture.h"

namespace podwarp::test {
namespace {

constexpr uint32_t kNodes = 5'000, kServices = 10'000, kPods = 20'000, kEndpoints = 10;

std::string AddressOf(uint32_t i) { return Ipv4Address(0x0a800000 + i).ToString(); }
std::string NameOfNode(uint32_t i) { return absl::StrCat("ip-", i, ".eu-west-1.compute.internal"); }

Json Node(uint32_t i) {
  return KubeNodeWithMac(NameOfNode(i), absl::StrCat(AddressOf(i << 8), "/24"),
                         MacAddress::DeriveFrom(NameOfNode(i)).ToString());
}
Json Pod(uint32_t i, uint32_t address) {
  return KubePodJson(absl::StrCat("pod-", i), NameOfNode(i % kNodes), {AddressOf(address)});
}
Json Service(uint32_t i) {
  return KubeServiceJson(absl::StrCat("service-", i), Ipv4Address(0x0a600000 + i + 1).ToString());
}
Json Slice(uint32_t i, uint32_t endpoints, uint32_t first_address) {
  std::vector<Json> list;
  for (uint32_t j = 0; j < endpoints; ++j) {
    list.push_back(KubeEndpointJson(AddressOf(first_address + j), NameOfNode((i + j) % kNodes)));
  }
  return KubeSliceJson(absl::StrCat("slice-", i), absl::StrCat("service-", i), list);
}

class LargeCluster {
 public:
  LargeCluster() : state(Settings(), true) {
    const size_t before = mallinfo2().uordblks;
    ListServices();
    state.nodes()->BeginList();
    for (uint32_t i = 0; i < kNodes; ++i) state.nodes()->Put(Node(i));
    state.nodes()->EndList();
    state.slices()->BeginList();
    for (uint32_t i = 0; i < kServices; ++i) {
      state.slices()->Put(Slice(i, kEndpoints, i * kEndpoints));
    }
    state.slices()->EndList();
    state.pods()->BeginList();
    for (uint32_t i = 0; i < kPods; ++i) state.pods()->Put(Pod(i, (i % kNodes << 8) + i / kNodes));
    state.pods()->EndList();
    CHECK_EQ(state.TakeEdits().size(), kNodes + kServices);
    kib = static_cast<double>(mallinfo2().uordblks - before) / 1024;
  }
  void ListServices() {
    state.services()->BeginList();
    for (uint32_t i = 0; i < kServices; ++i) state.services()->Put(Service(i));
    state.services()->EndList();
  }
  static Config Settings() {
    Config settings = ClusterFixture::Settings();
    settings.pod_ranges = {"10.128.0.0/9"_prefix};
    return settings;
  }

  ClusterState state;
  double kib = 0;
};

void BM_FirstLists(benchmark::State& state) {
  for (auto _ : state) {
    LargeCluster cluster;
    state.counters["kib"] = cluster.kib;
  }
}
BENCHMARK(BM_FirstLists)->Unit(benchmark::kMillisecond);

void BM_Relist(benchmark::State& state) {
  LargeCluster cluster;
  for (auto _ : state) {
    cluster.ListServices();
    CHECK(cluster.state.TakeEdits().empty());
  }
}
BENCHMARK(BM_Relist)->Unit(benchmark::kMillisecond);

void BM_EndpointsChange(benchmark::State& state) {
  LargeCluster cluster;
  const auto endpoints = static_cast<uint32_t>(state.range(0));
  const Json slices[] = {Slice(7, endpoints, 1), Slice(7, endpoints, 2)};
  for (uint32_t i = 0; auto _ : state) {
    cluster.state.slices()->Put(slices[i++ % 2]);
    CHECK_EQ(cluster.state.TakeEdits().size(), 1);
  }
}
BENCHMARK(BM_EndpointsChange)->Arg(kEndpoints)->Arg(5'000)->Unit(benchmark::kMicrosecond);

void BM_PodElsewhere(benchmark::State& state) {
  LargeCluster cluster;
  const Json pods[] = {Pod(7, 1u << 22), Pod(7, 7 << 8)};
  for (uint32_t i = 0; auto _ : state) {
    cluster.state.pods()->Put(pods[i++ % 2]);
    CHECK_EQ(cluster.state.TakeEdits().size(), 1);
  }
}
BENCHMARK(BM_PodElsewhere)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace podwarp::test

BENCHMARK_MAIN();
