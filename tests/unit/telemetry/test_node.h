// A node whose ports are in memory, for reports about it.
#pragma once

#include <glog/logging.h>

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "control/config.h"
#include "control/node.h"
#include "support/memory_port_factory.h"

namespace podwarp::test {

// Pods a1 and a2 here (10.244.1.10, .11), node-b whose MAC is known and node-c that is asked for,
// one uplink and the host port.
inline constexpr char kTwoPods[] = R"(
  - {name: a1, addresses: [10.244.1.10], port: {tap: {interface: t1}}}
  - {name: a2, addresses: [10.244.1.11], allowed_prefixes: [172.20.0.0/16], port: {tap: {interface: t2}}}
)";

inline std::string NodeYaml(const std::string& pods,
                            const std::string& hairpin_mode = "promiscuous-arp") {
  return absl::StrCat(R"(
node_name: node-a
virtual_mac: 02-00-00-00-00-0a
gateway: {address: 10.244.1.1, mac: 02-00-00-00-00-01}
pod_ranges: [10.244.0.0/16]
reserved_addresses: [10.244.1.255]
hairpin_mode: )",
                      hairpin_mode, R"(
uplinks:
  - {name: uplink0, vdev: net_null0, address: 192.168.50.1/24}
host_port: {address: 10.244.1.254}
nodes:
  - {name: node-b, virtual_mac: 02-00-00-00-00-0b, pod_ranges: [10.244.2.0/24]}
  - {name: node-c, underlay_address: 192.168.50.3, pod_ranges: [10.244.3.0/24]}
pods:)",
                      pods);
}

// A started node with one worker, which runs only while the test says so.
class TestNode {
 public:
  TestNode(const std::string& yaml, rte_mempool* pool,
           const std::map<std::string, absl::Status>& failures = {})
      : config_(MakeConfig(yaml)),
        tables_(1, 1024),
        events_(64),
        ports_(&config_),
        workers_(MakeWorkers(&tables_, &events_, pool), &tables_),
        node_(&config_, &tables_, &ports_, &workers_, &events_, pool) {
    for (const auto& [pod, why] : failures) ports_.Fail(pod, why);
    const absl::Status status = node_.Start(absl::Now());
    CHECK(status.ok()) << status.ToString();
  }
  ~TestNode() {
    StopWorker();
    node_.Stop();
  }

  Node& operator*() { return node_; }
  Node* operator->() { return &node_; }
  MemoryPort& port(const std::string& name) { return ports_[name]; }
  Tables& tables() { return tables_; }
  // For a test to count in the worker's place, while it doesn't run.
  WorkerCounters& counters() { return const_cast<WorkerCounters&>(workers_[0].counters()); }

  void CountDrops(const std::string& port, DropReason reason, uint64_t frames) {
    CountDrops(tables_.ports.Find(port), reason, frames);
  }
  void CountDrops(PortId port, DropReason reason, uint64_t frames) {
    const auto index = static_cast<size_t>(reason);
    counters().DropsOf(port, reason).Add(frames);
    counters().drops[index].Add(frames);
    counters().last_drop_port[index].store(port);
  }

  // Has a worker take whatever was injected all the way, and ends it.
  void ForwardAll(uint64_t frames) {
    std::thread worker([this] { workers_[0].Run(); });
    const auto received = [this] {
      uint64_t sum = 0;
      for (const PortCounters& port : workers_[0].counters().ports) {
        sum += port.received_frames.value();
      }
      return sum;
    };
    while (received() < frames) std::this_thread::yield();
    StopWorker();  // the round comes to its end
    worker.join();
  }
  void StopWorker() { workers_.Stop(); }

 private:
  static Config MakeConfig(const std::string& yaml) {
    absl::StatusOr<Config> config = ParseConfig(yaml, "test", {});
    CHECK(config.ok()) << config.status().message();
    return *std::move(config);
  }
  static std::vector<std::unique_ptr<Worker>> MakeWorkers(Tables* tables, EventRing* events,
                                                          rte_mempool* pool) {
    std::vector<std::unique_ptr<Worker>> workers;
    workers.push_back(std::make_unique<Worker>(
        WorkerOptions{.id = 0,
                      .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()},
                      .idle = {.may_sleep = false}},
        tables, events, pool));
    return workers;
  }

  const Config config_;
  Tables tables_;
  EventRing events_;
  MemoryPortFactory ports_;
  WorkerSet workers_;
  Node node_;
};

}  // namespace podwarp::test
