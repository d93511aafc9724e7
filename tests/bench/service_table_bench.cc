// What a change of a service costs the control thread, and what looking at one costs a worker.
// Needs no huge pages.
#include <benchmark/benchmark.h>
#include <glog/logging.h>

#include <random>
#include <vector>

#include "podwarp/table/service_table.h"

namespace podwarp {
namespace {

Endpoint EndpointOf(uint32_t address, uint16_t port) {
  return {.address = Ipv4Address(address), .port = Be16(port), .protocol = 6};
}
Endpoint ServiceAt(uint32_t i) { return EndpointOf(0x0a600001 + i, 80); }
Endpoint PodAt(uint32_t i) { return EndpointOf(0x0af40001 + i, 8080); }

ServiceTable::ServiceSpec SpecOf(uint32_t service, uint32_t first_pod, uint32_t pods) {
  ServiceTable::ServiceSpec spec;
  spec.name = "service";
  spec.endpoint = ServiceAt(service);
  for (uint32_t i = 0; i < pods; ++i) {
    spec.backends.push_back({PodAt(first_pod + i).address, Be16(8080)});
  }
  return spec;
}

void BuildRing(benchmark::State& state) {
  std::vector<uint64_t> seeds;
  for (uint32_t i = 0; i < state.range(0); ++i) seeds.push_back(PodAt(i).word());
  size_t places = 0;
  for (auto _ : state) {
    const MaglevRing ring(seeds);
    places = ring.size();
    benchmark::DoNotOptimize(ring);
  }
  state.counters["places"] = static_cast<double>(places);
}
BENCHMARK(BuildRing)->Arg(1)->Arg(2)->Arg(10)->Arg(100)->Arg(1000)->Arg(5000)->Arg(65'536);

// A backend goes and comes back.
void ChangeService(benchmark::State& state) {
  const auto pods = static_cast<uint32_t>(state.range(0));
  Rcu rcu(1);
  ServiceTable table(&rcu);
  const ServiceTable::ServiceSpec specs[] = {SpecOf(0, 0, pods), SpecOf(0, 0, pods - 1)};
  size_t change = 0;
  for (auto _ : state) {
    CHECK(table.Set(specs[change++ % 2]).ok());
    rcu.Poll();
  }
}
BENCHMARK(ChangeService)->Arg(2)->Arg(10)->Arg(100)->Arg(1000)->Arg(5000);

// 10 backends for each service.
class Filled {
 public:
  explicit Filled(uint32_t services) {
    for (uint32_t i = 0; i < services; ++i) CHECK(table_.Set(SpecOf(i, i * 10, 10)).ok());
  }
  const ServiceTable& table() const { return table_; }

 private:
  Rcu rcu_{1};
  ServiceTable table_{&rcu_};
};

std::vector<uint32_t> RandomOrder(uint32_t below) {
  std::mt19937 random(1);
  std::vector<uint32_t> numbers(1 << 14);
  for (uint32_t& number : numbers) number = static_cast<uint32_t>(random() % below);
  return numbers;
}

void FindAndPick(benchmark::State& state) {
  const auto services = static_cast<uint32_t>(state.range(0));
  const Filled filled(services);
  const std::vector<uint32_t> order = RandomOrder(services);
  size_t i = 0;
  for (auto _ : state) {
    const uint32_t service = order[i++ % order.size()];
    const uint64_t hash = i * 0x9e3779b97f4a7c15;
    benchmark::DoNotOptimize(filled.table().Find(ServiceAt(service))->all.Pick(hash));
  }
}
BENCHMARK(FindAndPick)->Arg(1)->Arg(100)->Arg(10'000);

// Asked for pods of which a tenth are backends.
void MayBeBackend(benchmark::State& state) {
  const auto services = static_cast<uint32_t>(state.range(0));
  const Filled filled(services);
  const std::vector<uint32_t> order = RandomOrder(services * 100);
  size_t i = 0;
  for (auto _ : state) {
    const uint32_t pod = order[i++ % order.size()];
    benchmark::DoNotOptimize(filled.table().MayBeBackend(PodAt(pod)));
  }
}
BENCHMARK(MayBeBackend)->Arg(1)->Arg(100)->Arg(10'000);

}  // namespace
}  // namespace podwarp

BENCHMARK_MAIN();
