// A node that forwards while its tables change. Prints one line of JSON.
//
//   churn_load --config=FILE [--changes_per_second=100000] [--seconds=3]
//
// All of it is podwarp's own (ports, workers, node), but the control thread has other work: it
// brings and takes away single pods, half of them where frames go to, half in ranges of which
// nothing else is known. A pod that comes is an adjacency added and a route set; one that goes, a
// route removed and then its adjacency. Each route set or removed is a change.
#include <gflags/gflags.h>
#include <glog/logging.h>
#include <sched.h>

#include <cstdio>
#include <vector>

#include "absl/time/clock.h"
#include "control/control_loop.h"
#include "control/launch.h"
#include "control/node.h"
#include "control/options.h"
#include "platform/eal.h"
#include "port/vhost_backend.h"

DEFINE_double(changes_per_second, 100'000, "changes of the route table; 0 = none");
DEFINE_double(seconds, 3, "how long to measure, after a second's start");

namespace podwarp::test {
namespace {

constexpr uint32_t kPodsARange = 32;
constexpr Ipv4Address kFirstUnused(10, 128, 0, 0);  // no node's range is there
constexpr absl::Duration kPause = absl::Microseconds(50);
constexpr absl::Duration kTick = absl::Milliseconds(10);  // as the control loop's

// Pods that come and go in turn: each change is the next pod's.
class Churn {
 public:
  // Where nodes have ranges, each is given one more pod that stays: ranges with and without single
  // pods are looked up differently, and only the changes are to make a difference.
  Churn(const Config& config, Tables* tables) : tables_(*tables) {
    uint32_t unused = kFirstUnused.value();
    for (const RemoteNodeConfig& node : config.nodes) {
      const Ipv4Prefix range = node.pod_ranges.at(0);
      SinglePod stays = MakePod(range.last(), range);
      Come(stays);
      for (uint32_t i = 1; i <= kPodsARange; ++i) {
        pods_.push_back(MakePod(Ipv4Address(range.network().value() + i), range));
        pods_.push_back(MakePod(Ipv4Address(unused), range));
        unused += 128;  // two in a /24
      }
    }
    CHECK(!pods_.empty()) << "the configuration has no nodes";
  }

  void ChangeNext() {
    SinglePod& pod = pods_[next_];
    pod.adjacency == kNoAdjacency ? Come(pod) : Go(pod);
    next_ = (next_ + 1) % pods_.size();
    ++changes_;
  }

  uint64_t changes() const { return changes_; }

 private:
  struct SinglePod {
    Ipv4Prefix route;
    Ipv4Prefix range;  // it is on the node that has this range
    AdjacencyIndex adjacency = kNoAdjacency;
  };

  static SinglePod MakePod(const Ipv4Address& address, const Ipv4Prefix& range) {
    return {.route = Ipv4Prefix::Host(address), .range = range};
  }

  void Come(SinglePod& pod) {
    const AdjacencyIndex node = tables_.routes.Find(pod.range);
    const absl::StatusOr<AdjacencyIndex> index =
        tables_.adjacencies.Add(Adjacency(tables_.adjacencies[node]));
    CHECK(index.ok()) << index.status().message();
    const absl::Status status = tables_.routes.Set(pod.route, *index);
    CHECK(status.ok()) << status.message();
    pod.adjacency = *index;
  }

  void Go(SinglePod& pod) {
    CHECK(tables_.routes.Remove(pod.route).ok());
    tables_.adjacencies.Remove(pod.adjacency);
    pod.adjacency = kNoAdjacency;
  }

  Tables& tables_;
  std::vector<SinglePod> pods_;
  size_t next_ = 0;
  uint64_t changes_ = 0;
};

// What all workers have counted so far.
struct Sum {
  explicit Sum(const WorkerSet& workers) {
    for (size_t i = 0; i < workers.size(); ++i) {
      const WorkerCounters& counters = workers[i].counters();
      for (const PortCounters& port : counters.ports) {
        received += port.received_frames.value();
        transmitted += port.transmitted_frames.value();
      }
      for (const Counter& reason : counters.drops) dropped += reason.value();
      originated += counters.originated.value();
      consumed += counters.consumed.value();
      cycles_busy += counters.cycles_busy.value();
    }
  }

  // Frames that came in or were made, and of which nobody knows what became of them.
  int64_t Lost() const {
    return static_cast<int64_t>(received + originated - transmitted - consumed - dropped);
  }

  uint64_t received = 0, transmitted = 0, dropped = 0, originated = 0, consumed = 0;
  uint64_t cycles_busy = 0;
};

// Changes as many as are due, and does the control loop's own work.
void RunFor(double seconds, Churn* churn, Node* node, Rcu* rcu) {
  const absl::Time start = ControlLoop::Now();
  const uint64_t before = churn->changes();
  absl::Time next_tick = start;
  for (absl::Time now = start; now < start + absl::Seconds(seconds); now = ControlLoop::Now()) {
    const double due = absl::ToDoubleSeconds(now - start) * FLAGS_changes_per_second;
    while (churn->changes() - before < static_cast<uint64_t>(due)) churn->ChangeNext();
    rcu->Poll();
    if (now >= next_tick) {
      node->Tick(now);
      next_tick = now + kTick;
    }
    absl::SleepFor(kPause);
  }
}

void LeaveCores(const std::vector<uint16_t>& cores) {
  cpu_set_t rest;
  PCHECK(sched_getaffinity(0, sizeof(rest), &rest) == 0);
  for (const uint16_t core : cores) CPU_CLR(core, &rest);
  PCHECK(sched_setaffinity(0, sizeof(rest), &rest) == 0);
}

// As main.cc does it, without telemetry.
absl::Status Run(const Config& config) {
  const Launch launch(config);
  if (absl::Status status = StartEal(launch.eal_options()); !status.ok()) return status;
  LeaveCores(config.workers.cores);
  absl::StatusOr<rte_mempool*> pool = launch.MakePool();
  if (!pool.ok()) return pool.status();
  Tables tables(launch.workers(), config.limits.adjacencies);
  EventRing events(kEventRingSize);
  WorkerSet workers = launch.MakeWorkers(&tables, &events, *pool);
  VhostBackend vhost(&tables.rcu, [&tables] { tables.ports.NoteStateChange(); });
  DevicePortFactory ports(&config, launch.workers(), *pool, &vhost);
  Node node(&config, &tables, &ports, &workers, &events, *pool);
  const absl::Status status = node.Start(ControlLoop::Now());
  launch.StartWorkers(workers);
  if (status.ok()) {
    Churn churn(config, &tables);
    RunFor(1, &churn, &node, &tables.rcu);
    const uint64_t changes = churn.changes();
    const absl::Time start = ControlLoop::Now();
    const Sum before(workers);
    RunFor(FLAGS_seconds, &churn, &node, &tables.rcu);
    const Sum after(workers);
    const double seconds = absl::ToDoubleSeconds(ControlLoop::Now() - start);
    launch.StopWorkers(workers);
    const Sum end(workers);
    const auto frames = static_cast<double>(after.transmitted - before.transmitted);
    std::printf(
        "{\"seconds\": %.3f, \"mpps\": %.3f, \"cycles_per_frame\": %.1f, "
        "\"changes_per_second\": %.0f, \"dropped\": %llu, \"lost\": %lld}\n",
        seconds, frames / seconds / 1e6,
        static_cast<double>(after.cycles_busy - before.cycles_busy) / frames,
        static_cast<double>(churn.changes() - changes) / seconds,
        static_cast<unsigned long long>(end.dropped - before.dropped),
        static_cast<long long>(end.Lost()));
  } else {
    launch.StopWorkers(workers);
  }
  node.Stop();
  return status;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  absl::Status status = options.status();
  if (status.ok()) {
    const absl::StatusOr<Config> config = LoadConfig(options->config, options->overrides);
    status = config.ok() ? Run(*config) : config.status();
  }
  if (!status.ok()) std::fprintf(stderr, "churn_load: %s\n", status.ToString().c_str());
  StopEal();
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) { return podwarp::test::Main(argc, argv); }
