// podwarp's route table beside DPDK's: rte_fib (DIR24_8) and rte_lpm.
//
// Needs root and 2,000 huge pages of 2 MiB, for DPDK's tables. Medians of runs that alternate:
//   bench_route_table --benchmark_enable_random_interleaving --benchmark_repetitions=9
//       --benchmark_report_aggregates_only
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_lpm.h>
#include <rte_malloc.h>
#include <rte_rib.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "podwarp/table/route_table.h"

namespace podwarp {
namespace {

constexpr uint32_t kBurst = 64;
constexpr uint32_t kFlows = 16'384;
constexpr uint32_t kMillion = 1'000'000;
constexpr uint32_t kFirst = 0x0a000000;  // 10.0.0.0
constexpr uint32_t kGroups = 1 << 16;    // for DPDK's tables, which do not grow

std::string UniqueName() {
  static int count = 0;
  return "bench" + std::to_string(count++);
}

// --- The tables, with the same three calls. ---

class Podwarp {
 public:
  explicit Podwarp(uint32_t /*routes*/) {}
  void Add(uint32_t address, uint8_t length, uint32_t next_hop) {
    CHECK(table_.Set(Ipv4Prefix(Ipv4Address(address), length), next_hop).ok());
  }
  void Remove(uint32_t address, uint8_t length) {
    CHECK(table_.Remove(Ipv4Prefix(Ipv4Address(address), length)).ok());
    rcu_.Poll();
  }
  void Lookup(const uint32_t* addresses) {
    uint32_t next_hops[kBurst];
    table_.LookupBulk(addresses, next_hops, kBurst);
    benchmark::DoNotOptimize(next_hops);
  }

 private:
  Rcu rcu_{1};
  RouteTable table_{&rcu_};
};

template <rte_fib_lookup_type kLookup>
class Fib {
 public:
  explicit Fib(uint32_t routes) {
    rte_fib_conf conf = {};
    conf.type = RTE_FIB_DIR24_8;
    conf.max_routes = static_cast<int>(routes + 32'768);
    conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
    conf.dir24_8.num_tbl8 = kGroups;
    fib_ = rte_fib_create(UniqueName().c_str(), SOCKET_ID_ANY, &conf);
    CHECK(fib_ != nullptr) << rte_strerror(rte_errno);
    CHECK_EQ(rte_fib_select_lookup(fib_, kLookup), 0);
  }
  ~Fib() { rte_fib_free(fib_); }
  void Add(uint32_t address, uint8_t length, uint32_t next_hop) {
    CHECK_EQ(rte_fib_add(fib_, address, length, next_hop), 0);
  }
  void Remove(uint32_t address, uint8_t length) {
    CHECK_EQ(rte_fib_delete(fib_, address, length), 0);
  }
  void Lookup(const uint32_t* addresses) {
    uint64_t next_hops[kBurst];
    rte_fib_lookup_bulk(fib_, const_cast<uint32_t*>(addresses), next_hops, kBurst);
    benchmark::DoNotOptimize(next_hops);
  }

 private:
  rte_fib* fib_;
};
using FibScalar = Fib<RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO>;
using FibAvx512 = Fib<RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512>;

class Lpm {
 public:
  explicit Lpm(uint32_t routes) {
    rte_lpm_config config = {};
    config.max_rules = routes + 32'768;
    config.number_tbl8s = kGroups;
    lpm_ = rte_lpm_create(UniqueName().c_str(), SOCKET_ID_ANY, &config);
    CHECK(lpm_ != nullptr) << rte_strerror(rte_errno);
  }
  ~Lpm() { rte_lpm_free(lpm_); }
  void Add(uint32_t address, uint8_t length, uint32_t next_hop) {
    CHECK_EQ(rte_lpm_add(lpm_, address, length, next_hop), 0);
  }
  void Remove(uint32_t address, uint8_t length) {
    CHECK_EQ(rte_lpm_delete(lpm_, address, length), 0);
  }
  void Lookup(const uint32_t* addresses) {
    uint32_t next_hops[kBurst];
    rte_lpm_lookup_bulk(lpm_, addresses, next_hops, kBurst);
    benchmark::DoNotOptimize(next_hops);
  }

 private:
  rte_lpm* lpm_;
};

// --- Lookups. ---

enum Scene { kRanges, kDense, kSparse };  // 256 ranges of /24; a million /32, 256 or 16 a /24

uint32_t PodAddress(uint32_t pod, uint32_t pods_per_range) {
  return kFirst + pod / pods_per_range * 256 + pod % pods_per_range;
}

template <typename Table>
std::unique_ptr<Table> Fill(Scene scene) {
  auto table = std::make_unique<Table>(kMillion);
  if (scene == kRanges) {
    for (uint32_t i = 0; i < 256; ++i) table->Add(kFirst + i * 256, 24, i + 1);
    return table;
  }
  for (uint32_t i = 0; i < kMillion; ++i) {
    table->Add(PodAddress(i, scene == kDense ? 256 : 16), 32, i + 1);
  }
  return table;
}

// Of this process, with what DPDK took of its huge pages, which the kernel does not count here.
double MemoryMib() {
  rte_malloc_socket_stats dpdk = {};
  rte_malloc_get_socket_stats(0, &dpdk);
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm").ignore(32, ' ') >> pages;
  return static_cast<double>(pages * 4096 + dpdk.heap_allocsz_bytes) / (1 << 20);
}

// `flows` of 0: every pod once, in random order.
template <typename Table>
void Lookup(benchmark::State& state, Scene scene, uint32_t flows) {
  struct Filled {
    std::unique_ptr<Table> table;
    double mib = 0;
  };
  static std::map<Scene, Filled> all;  // runs alternate: each is filled once
  auto& [table, mib] = all[scene];
  if (table == nullptr) {
    const double before = MemoryMib();
    table = Fill<Table>(scene);
    mib = MemoryMib() - before;
  }

  std::mt19937 random(1);
  std::vector<uint32_t> addresses(scene == kRanges ? 256 * 256 : kMillion);
  for (uint32_t i = 0; i < addresses.size(); ++i) {
    addresses[i] = PodAddress(i, scene == kSparse ? 16 : 256);
  }
  std::shuffle(addresses.begin(), addresses.end(), random);
  addresses.resize(flows != 0 ? flows : kMillion / kBurst * kBurst);

  const uint64_t start = rte_rdtsc_precise();
  for (auto _ : state) {
    for (size_t i = 0; i < addresses.size(); i += kBurst) table->Lookup(&addresses[i]);
  }
  const uint64_t cycles = rte_rdtsc_precise() - start;
  state.counters["cycles_per_address"] = static_cast<double>(cycles) /
                                         static_cast<double>(state.iterations()) /
                                         static_cast<double>(addresses.size());
  state.counters["table_mib"] = mib;
}

// --- Changes: pods come and go in a table of `size` others, 16 a /24. ---

enum Where { kAmongOthers, kFirstOfRange };  // the latter need a group each, and give it back

template <typename Table>
void Change(benchmark::State& state, uint32_t size, Where where) {
  static std::map<uint32_t, std::unique_ptr<Table>> tables;
  std::unique_ptr<Table>& table = tables[size];
  if (table == nullptr) {
    table = std::make_unique<Table>(size);
    for (uint32_t i = 0; i < size; ++i) table->Add(PodAddress(i, 16), 32, i + 1);
  }
  std::mt19937 random(1);
  std::vector<uint32_t> pods;
  if (where == kAmongOthers) {
    const uint32_t step = std::max(1u, size / 16'384);
    for (uint32_t i = 0; i < size; i += step) pods.push_back(PodAddress(i, 16) + 16);
  } else {
    for (uint32_t i = 0; i < 1'000; ++i) pods.push_back(kFirst + (1 << 24) + i * 256);
  }
  std::shuffle(pods.begin(), pods.end(), random);
  uint64_t add = 0;
  uint64_t remove = 0;
  for (auto _ : state) {
    const uint64_t start = rte_rdtsc_precise();
    for (uint32_t pod : pods) table->Add(pod, 32, 7);
    const uint64_t middle = rte_rdtsc_precise();
    for (uint32_t pod : pods) table->Remove(pod, 32);
    add += middle - start;
    remove += rte_rdtsc_precise() - middle;
  }
  const double per_us = static_cast<double>(rte_get_tsc_hz()) / 1e6 *
                        static_cast<double>(state.iterations()) * static_cast<double>(pods.size());
  state.counters["add_us"] = static_cast<double>(add) / per_us;
  state.counters["remove_us"] = static_cast<double>(remove) / per_us;
}

// --- What keeps the rules: filling it with a million in random order. ---

class BTreeRules {
 public:
  void Add(const Ipv4Prefix& prefix, uint32_t value) { rules_[prefix] = value; }

 private:
  absl::btree_map<Ipv4Prefix, uint32_t> rules_;
};

class HashRules {
 public:
  void Add(const Ipv4Prefix& prefix, uint32_t value) { rules_[prefix] = value; }

 private:
  absl::flat_hash_map<Ipv4Prefix, uint32_t> rules_;
};

class RibRules {
 public:
  RibRules() {
    rte_rib_conf conf = {};
    conf.max_nodes = static_cast<int>(2 * kMillion);
    rib_ = rte_rib_create(UniqueName().c_str(), SOCKET_ID_ANY, &conf);
    CHECK(rib_ != nullptr) << rte_strerror(rte_errno);
  }
  ~RibRules() { rte_rib_free(rib_); }
  void Add(const Ipv4Prefix& prefix, uint32_t value) {
    rte_rib_node* node = rte_rib_insert(rib_, prefix.network().value(), prefix.length());
    CHECK(node != nullptr);
    rte_rib_set_nh(node, value);
  }

 private:
  rte_rib* rib_;
};

template <typename Rules>
void FillRules(benchmark::State& state) {
  std::mt19937 random(1);
  std::vector<uint32_t> pods(kMillion);
  for (uint32_t i = 0; i < kMillion; ++i) pods[i] = PodAddress(i, 16);
  std::shuffle(pods.begin(), pods.end(), random);
  uint64_t total = 0;
  uint64_t longest = 0;
  for (auto _ : state) {
    Rules rules;
    for (uint32_t pod : pods) {
      const uint64_t start = rte_rdtsc();
      rules.Add(Ipv4Prefix::Host(Ipv4Address(pod)), pod);
      const uint64_t cycles = rte_rdtsc() - start;
      total += cycles;
      longest = std::max(longest, cycles);
    }
  }
  const double per_us = static_cast<double>(rte_get_tsc_hz()) / 1e6;
  state.counters["add_us"] =
      static_cast<double>(total) / per_us / static_cast<double>(state.iterations()) / kMillion;
  state.counters["longest_us"] = static_cast<double>(longest) / per_us;
}

template <typename Table>
void RegisterChanges(const std::string& name, uint32_t size) {
  const std::string end = std::to_string(size) + "/" + name;
  benchmark::RegisterBenchmark(("change/" + end).c_str(), Change<Table>, size, kAmongOthers);
  benchmark::RegisterBenchmark(("change_first/" + end).c_str(), Change<Table>, size, kFirstOfRange);
}

// rte_lpm's add scans its rules, so that a million take hours: it gets no such scene.
template <typename Table>
void RegisterAll(const std::string& name, bool has_million) {
  const auto lookup = [&](const char* scene_name, Scene scene, uint32_t flows) {
    benchmark::RegisterBenchmark((std::string("lookup/") + scene_name + "/" + name).c_str(),
                                 Lookup<Table>, scene, flows);
  };
  lookup("ranges", kRanges, kFlows);
  if (has_million) {
    lookup("dense", kDense, kFlows);
    lookup("sparse", kSparse, kFlows);
    lookup("uniform_dense", kDense, 0);
    lookup("uniform_sparse", kSparse, 0);
  }
  for (uint32_t size : {1'000u, 100'000u, kMillion}) {
    if (size < kMillion || has_million) RegisterChanges<Table>(name, size);
  }
}

}  // namespace
}  // namespace podwarp

int main(int argc, char** argv) {
  using namespace podwarp;
  std::string eal[] = {argv[0],
                       "--in-memory",
                       "--no-pci",
                       "--no-telemetry",
                       "-l",
                       "0",
                       "--file-prefix",
                       "podwarp_bench",
                       "--force-max-simd-bitwidth=512"};
  std::vector<char*> eal_argv;
  for (std::string& argument : eal) eal_argv.push_back(argument.data());
  CHECK_GE(rte_eal_init(static_cast<int>(eal_argv.size()), eal_argv.data()), 0)
      << rte_strerror(rte_errno);

  RegisterAll<Podwarp>("podwarp", true);
  RegisterAll<FibScalar>("fib", true);
  RegisterAll<FibAvx512>("fib_avx512", true);
  RegisterAll<Lpm>("lpm", false);
  benchmark::RegisterBenchmark("rules/btree", FillRules<BTreeRules>);
  benchmark::RegisterBenchmark("rules/hash", FillRules<HashRules>);
  benchmark::RegisterBenchmark("rules/rib", FillRules<RibRules>);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
