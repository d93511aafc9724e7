// podwarp's connection table beside rte_hash with the same work: both keys of every connection, and
// the connection's own line read after each hit.
//
// Needs root and 1,000 huge pages of 2 MiB, for rte_hash. Medians of runs that alternate:
//   bench_connection_table --benchmark_enable_random_interleaving --benchmark_repetitions=5
//       --benchmark_report_aggregates_only
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "podwarp/net/headers.h"
#include "podwarp/table/connection_table.h"
#include "podwarp/table/rcu.h"
#include "podwarp/table/table_memory.h"

namespace podwarp {
namespace {

constexpr uint32_t kBurst = 64;
constexpr uint32_t kLookups = 1 << 20;
// As full as a table of 1 Mi or 4 Mi is before the control thread makes room.
constexpr uint32_t kMany = 950'000;
constexpr uint32_t kMost = 3'900'000;
constexpr uint32_t kNow = 1000;
constexpr ConnectionTimeouts kTimeouts = {.tcp_new = 10,
                                          .tcp_established = 10,
                                          .tcp_closing = 10,
                                          .tcp_closed = 10,
                                          .tcp_tell_again = 1,
                                          .udp_new = 10,
                                          .udp_established = 10,
                                          .sctp_new = 10,
                                          .sctp_established = 10};

ConnectionTable::NewConnection Flow(uint32_t i) {
  ConnectionTable::NewConnection wanted;
  wanted.original = {.source = Ipv4Address(0x0a000000 + i / 32'768),
                     .destination = Ipv4Address(10, 96, 0, 1),
                     .source_port = Be16(static_cast<uint16_t>(32'768 + i % 32'768)),
                     .destination_port = Be16(80),
                     .protocol = kIpProtocolTcp};
  wanted.translated = wanted.original;
  wanted.translated.destination = Ipv4Address(0x0af40000 + i % 100);
  return wanted;
}

// --- The tables, with the same calls. ---

class Podwarp {
 public:
  explicit Podwarp(uint32_t connections) : table_(&rcu_, connections, 1) {}
  void Add(uint32_t i) { CHECK(table_.Add(0, Flow(i), kNow).connection != nullptr); }
  void Remove(uint32_t i) {
    Connection* const connection = table_.Lookup(Flow(i).original).connection;
    if (connection != nullptr) table_.Remove(connection);  // unless it had to give way
  }
  void Reclaim() {
    table_.Expire(kNow, kTimeouts, [](BackendId) { return BackendState::kReady; });
    rcu_.Poll();
  }
  uint32_t Lookup(const FlowKey* keys) {
    ConnectionTable::Found found[kBurst];
    table_.LookupBulk(keys, found, kBurst);
    uint32_t hits = 0;
    for (const ConnectionTable::Found& one : found) {
      if (one.connection == nullptr) continue;
      hits += one.connection->last_used.load(std::memory_order_relaxed) == kNow;
    }
    return hits;
  }
  ConnectionTable& table() { return table_; }
  Rcu& rcu() { return rcu_; }

 private:
  Rcu rcu_{1};
  ConnectionTable table_;
};

class RteHash {
 public:
  explicit RteHash(uint32_t connections) : memory_(connections * sizeof(Connection)) {
    static int count = 0;
    const std::string name = "bench" + std::to_string(count++);
    rte_hash_parameters parameters = {};
    parameters.name = name.c_str();
    parameters.entries = std::max(2 * connections, 64u);
    parameters.key_len = sizeof(FlowKey);
    parameters.hash_func = rte_hash_crc;
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
                            RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    hash_ = rte_hash_create(&parameters);
    CHECK(hash_ != nullptr) << rte_strerror(rte_errno);
  }
  ~RteHash() { rte_hash_free(hash_); }
  void Add(uint32_t i) {
    const ConnectionTable::NewConnection wanted = Flow(i);
    Connection* const connection = &connections_[i];
    connection->original = wanted.original;
    connection->translated = wanted.translated;
    connection->last_used = kNow;
    const FlowKey reply = wanted.translated.Reversed();
    CHECK_EQ(rte_hash_add_key_data(hash_, &reply, connection), 0);
    CHECK_EQ(rte_hash_add_key_data(hash_, &wanted.original, connection), 0);
  }
  void Remove(uint32_t i) {
    for (const FlowKey& key : {Flow(i).original, Flow(i).translated.Reversed()}) {
      const int position = rte_hash_del_key(hash_, &key);
      CHECK_GE(position, 0);
      rte_hash_free_key_with_position(hash_, position);
    }
  }
  void Reclaim() {}
  uint32_t Lookup(const FlowKey* keys) {
    const void* pointers[kBurst];
    void* data[kBurst];
    for (uint32_t i = 0; i < kBurst; ++i) pointers[i] = &keys[i];
    uint64_t mask = 0;
    rte_hash_lookup_bulk_data(hash_, pointers, kBurst, &mask, data);
    for (uint64_t left = mask; left != 0; left &= left - 1) {
      __builtin_prefetch(data[std::countr_zero(left)]);
    }
    uint32_t hits = 0;
    for (uint64_t left = mask; left != 0; left &= left - 1) {
      const auto* connection = static_cast<const Connection*>(data[std::countr_zero(left)]);
      hits += connection->last_used.load(std::memory_order_relaxed) == kNow;
    }
    return hits;
  }

 private:
  TableMemory memory_;
  Connection* const connections_ = static_cast<Connection*>(memory_.data());
  rte_hash* hash_;
};

// Each is filled once: runs alternate.
template <typename Table>
Table& Filled(uint32_t connections) {
  static std::map<uint32_t, std::unique_ptr<Table>> tables;
  std::unique_ptr<Table>& table = tables[connections];
  if (table == nullptr) {
    // Room for as many again as are added and removed below.
    table = std::make_unique<Table>(connections + connections / 64 + 4096);
    for (uint32_t i = 0; i < connections; ++i) table->Add(i);
  }
  return *table;
}

enum Keys { kHits, kMisses };

template <typename Table>
void Lookup(benchmark::State& state, uint32_t connections, Keys which) {
  Table& table = Filled<Table>(connections);
  std::mt19937 random(1);
  std::vector<FlowKey> keys(kLookups);
  for (FlowKey& key : keys) {
    const auto i = static_cast<uint32_t>(random() % connections);
    const ConnectionTable::NewConnection flow = Flow(which == kHits ? i : kMost + i);
    key = random() % 2 == 0 ? flow.original : flow.translated.Reversed();
  }
  uint64_t hits = 0;
  const uint64_t start = rte_rdtsc_precise();
  for (auto _ : state) {
    for (size_t i = 0; i < keys.size(); i += kBurst) hits += table.Lookup(&keys[i]);
  }
  const uint64_t cycles = rte_rdtsc_precise() - start;
  // In a table nearly full some connections had to give way.
  state.counters["hits"] =
      static_cast<double>(hits) / static_cast<double>(state.iterations()) / kLookups;
  state.counters["cycles_per_key"] =
      static_cast<double>(cycles) / static_cast<double>(state.iterations()) / kLookups;
}

// Connections come and go among `connections` others.
template <typename Table>
void Change(benchmark::State& state, uint32_t connections) {
  constexpr uint32_t kChanges = 1000;
  Table& table = Filled<Table>(connections);
  uint64_t add = 0;
  uint64_t remove = 0;
  for (auto _ : state) {
    const uint64_t start = rte_rdtsc_precise();
    for (uint32_t i = 0; i < kChanges; ++i) table.Add(connections + i);
    const uint64_t middle = rte_rdtsc_precise();
    for (uint32_t i = 0; i < kChanges; ++i) table.Remove(connections + i);
    remove += rte_rdtsc_precise() - middle;
    add += middle - start;
    table.Reclaim();
  }
  const double changes = static_cast<double>(state.iterations()) * kChanges;
  state.counters["add_cycles"] = static_cast<double>(add) / changes;
  state.counters["remove_cycles"] = static_cast<double>(remove) / changes;
}

// --- The control thread's rounds. ---

enum Round { kAllStay, kAllEnd };

void Expire(benchmark::State& state, uint32_t connections, Round round) {
  double cycles = 0;
  double worst = 0;
  for (auto _ : state) {
    Podwarp podwarp(connections);
    for (uint32_t i = 0; i < connections; ++i) podwarp.Add(i);
    ConnectionTable& table = podwarp.table();
    const uint32_t slice = std::max(table.capacity() / 400, 64u);
    const uint32_t now = round == kAllStay ? kNow : kNow + 11;
    const auto is_ready = [](BackendId) { return BackendState::kReady; };
    for (uint32_t seen = 0; seen < connections; seen += slice) {
      const uint64_t start = rte_rdtsc_precise();
      table.Expire(now, kTimeouts, is_ready);
      podwarp.rcu().Poll();
      const auto taken = static_cast<double>(rte_rdtsc_precise() - start);
      cycles += taken;
      worst = std::max(worst, taken);
    }
  }
  state.counters["cycles_per_connection"] =
      cycles / static_cast<double>(state.iterations()) / connections;
  state.counters["worst_call_us"] = worst / static_cast<double>(rte_get_tsc_hz()) * 1e6;
}

// A flood: as many new connections between two calls as the table has free, until the control
// thread has made room for them again.
void Flood(benchmark::State& state, uint32_t connections) {
  Podwarp podwarp(connections);
  ConnectionTable& table = podwarp.table();
  uint32_t next = 0;
  while (next < table.capacity() - table.capacity() / 16) podwarp.Add(next++);
  constexpr uint32_t kBetweenCalls = 10'000;  // a million a second, at a call every 10 ms
  uint64_t cycles = 0;
  uint64_t worst = 0;
  uint64_t refused = 0;
  const uint64_t before = table.statistics().displaced;
  for (auto _ : state) {
    for (uint32_t i = 0; i < kBetweenCalls; ++i) {
      refused += table.Add(0, Flow(next++), kNow).connection == nullptr;
    }
    const uint64_t start = rte_rdtsc_precise();
    podwarp.Reclaim();
    const uint64_t taken = rte_rdtsc_precise() - start;
    cycles += taken;
    worst = std::max(worst, taken);
  }
  const auto displaced = static_cast<double>(table.statistics().displaced - before);
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  state.counters["cycles_per_displaced"] = static_cast<double>(cycles) / displaced;
  state.counters["million_per_s"] = displaced / (static_cast<double>(cycles) / hz) / 1e6;
  state.counters["worst_call_us"] = static_cast<double>(worst) / hz * 1e6;
  state.counters["refused"] = static_cast<double>(refused);
}

template <typename Table>
void RegisterAll(const std::string& name) {
  for (const uint32_t size : {1'000u, 100'000u, kMany, kMost}) {
    const std::string of = name + "/" + std::to_string(size);
    benchmark::RegisterBenchmark((of + "/hits").c_str(), Lookup<Table>, size, kHits);
    benchmark::RegisterBenchmark((of + "/misses").c_str(), Lookup<Table>, size, kMisses);
    benchmark::RegisterBenchmark((of + "/changes").c_str(), Change<Table>, size);
  }
}

}  // namespace
}  // namespace podwarp

int main(int argc, char** argv) {
  using namespace podwarp;
  std::string eal[] = {argv[0], "--in-memory", "--no-pci",      "--no-telemetry",
                       "-l",    "0",           "--file-prefix", "podwarp_connections"};
  std::vector<char*> eal_argv;
  for (std::string& argument : eal) eal_argv.push_back(argument.data());
  CHECK_GE(rte_eal_init(static_cast<int>(std::size(eal)), eal_argv.data()), 0)
      << rte_strerror(rte_errno);

  RegisterAll<Podwarp>("podwarp");
  RegisterAll<RteHash>("rte_hash");
  for (const uint32_t size : {100'000u, kMost}) {
    const std::string of = "podwarp/" + std::to_string(size);
    benchmark::RegisterBenchmark((of + "/round/all_stay").c_str(), Expire, size, kAllStay)
        ->Iterations(1);
    benchmark::RegisterBenchmark((of + "/round/all_end").c_str(), Expire, size, kAllEnd)
        ->Iterations(1);
    benchmark::RegisterBenchmark((of + "/flood").c_str(), Flood, size)->Iterations(300);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
