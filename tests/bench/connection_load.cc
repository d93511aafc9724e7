// What very many connections do to a node: opens them, uses them, opens more than there is room
// for, and lets them expire. Prints a line for each step, and one of JSON in the end.
//
//   connection_load [--capacity=4194304] [--connections=3932160] [--seconds=5]
//
// A worker's pipeline over podwarp's own tables on one thread, which also makes the frames, and the
// expiry of connections on another, as in podwarp. Rates are of the pipeline's own cycles: making
// frames isn't counted.
#include <gflags/gflags.h>
#include <glog/logging.h>
#include <rte_cycles.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/time/clock.h"
#include "control/connection_expiry.h"
#include "load/service_scene.h"
#include "support/eal.h"

DEFINE_uint32(capacity, 1u << 22, "of the connection table");
DEFINE_uint32(connections, 15u << 18, "that are opened; the table keeps 1/16 free");
DEFINE_double(seconds, 5, "how long to use them, and how long to open more than there is room for");

namespace podwarp::test {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(10);  // as the control loop's
constexpr uint32_t kUsed = 4096;  // connections that are used while others flood the table

uint64_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long all = 0, resident = 0;
  CHECK(file != nullptr && std::fscanf(file, "%lu %lu", &all, &resident) == 2);
  std::fclose(file);
  return uint64_t{resident} * 4096;
}

// The control thread's part.
class Expiring {
 public:
  explicit Expiring(Tables* tables)
      : tables_(*tables),
        expiry_({}, rte_get_tsc_hz(), tables, nullptr, nullptr),
        thread_([this] { Run(); }) {}
  ~Expiring() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Run() {
    while (!stop_) {
      tables_.rcu.Poll();
      expiry_.Tick(rte_rdtsc());
      absl::SleepFor(kTick);
    }
  }

  Tables& tables_;
  ConnectionExpiry expiry_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Counts {
  explicit Counts(const ServiceScene& scene)
      : statistics(scene.tables.connections.statistics()),
        full(scene.counters.drops[static_cast<size_t>(DropReason::kConnectionTableFull)].value()) {}

  ConnectionTable::Statistics statistics;
  uint64_t full;
};

class Load {
 public:
  Load() : scene_(FLAGS_capacity), expiring_(&scene_.tables) {
    scene_.tables.rcu.Register(0);
    scene_.tables.rcu.Online(0);
  }
  ~Load() {
    scene_.tables.rcu.Offline(0);
    scene_.tables.rcu.Unregister(0);
  }

  void Open() {
    const uint64_t resident = ResidentBytes();
    Step("open", [&] {
      for (uint32_t i = 0; i + kBurstFrames <= FLAGS_connections; i += kBurstFrames) {
        Round([&] { return next_flow_++; });
      }
    });
    const double mib = static_cast<double>(ResidentBytes() - resident) / (1 << 20);
    const double most = static_cast<double>(ConnectionTable::BytesFor(FLAGS_capacity)) / (1 << 20);
    std::printf("memory: %.0f MiB more, of at most %.0f MiB computed\n", mib, most);
    said_["memory_mib"] = mib;
    said_["memory_computed_mib"] = most;
  }

  void Use() {
    uint64_t random = 1;
    Step("use", [&] {
      For(FLAGS_seconds, [&] {
        Round([&] {
          random = random * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX
          return static_cast<uint32_t>((random >> 32) * next_flow_ >> 32);
        });
      });
    });
  }

  // New connections without end, and beside them some old ones, which must not suffer.
  void Flood() {
    std::vector<FlowKey> answers;
    for (uint32_t flow = 0; flow < kUsed; ++flow) answers.push_back(scene_.AnswerTo(flow));
    uint32_t used = 0;
    Step("flood", [&] {
      For(FLAGS_seconds,
          [&] { Round([&] { return used++ % 8 == 0 ? used / 8 % kUsed : next_flow_++; }); });
    });
    uint32_t kept = 0;
    for (uint32_t flow = 0; flow < kUsed; ++flow) kept += scene_.AnswerTo(flow) == answers[flow];
    std::printf("%u of %u connections that were in use meanwhile were kept\n", kept, kUsed);
    said_["flood"]["kept"] = kept;
    said_["flood"]["in_use_meanwhile"] = kUsed;
  }

  void Expire() {
    const Counts before(scene_);
    const absl::Time start = absl::Now();
    scene_.tables.rcu.Offline(0);  // sleeps, as a worker without frames
    const auto left = [&] { return Counts(scene_).statistics.in_use; };
    while (left() > 0 && absl::Now() - start < absl::Minutes(5)) absl::SleepFor(kTick);
    scene_.tables.rcu.Online(0);
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    const Counts after(scene_);
    std::printf("expire: %.1f million in %.1f s, %llu left\n",
                static_cast<double>(after.statistics.expired - before.statistics.expired) / 1e6,
                seconds, static_cast<unsigned long long>(left()));
    said_["expire"] = {{"seconds", seconds},
                       {"expired", after.statistics.expired - before.statistics.expired},
                       {"left", left()}};
  }

  const nlohmann::json& said() const { return said_; }

 private:
  void Round(const std::function<uint32_t()>& next) {
    std::array<FlowKey, kBurstFrames> keys;
    for (FlowKey& key : keys) key = ServiceScene::CallOf(next());
    cycles_ += scene_.Round(scene_.host, keys);
    frames_ += kBurstFrames;
    scene_.tables.rcu.Quiescent(0);
  }

  static void For(double seconds, const std::function<void()>& work) {
    const absl::Time end = absl::Now() + absl::Seconds(seconds);
    while (absl::Now() < end) work();
  }

  void Step(const char* name, const std::function<void()>& work) {
    cycles_ = frames_ = 0;
    const Counts before(scene_);
    work();
    const Counts after(scene_);
    const double cycles = static_cast<double>(cycles_) / static_cast<double>(frames_);
    const auto added = after.statistics.added - before.statistics.added;
    const auto displaced = after.statistics.displaced - before.statistics.displaced;
    const auto full = after.full - before.full;
    const double mpps = static_cast<double>(rte_get_tsc_hz()) / cycles / 1e6;
    std::printf(
        "%s: %.1f million frames, %.1f cycles each (%.2f Mpps); %.2f million opened, "
        "%.2f million gave way, %llu frames dropped for want of room; %.2f million there\n",
        name, static_cast<double>(frames_) / 1e6, cycles, mpps, static_cast<double>(added) / 1e6,
        static_cast<double>(displaced) / 1e6, static_cast<unsigned long long>(full),
        static_cast<double>(after.statistics.in_use) / 1e6);
    std::fflush(stdout);
    said_[name] = {{"frames", frames_},
                   {"cycles_per_frame", cycles},
                   {"mpps", mpps},
                   {"opened", added},
                   {"displaced", displaced},
                   {"dropped_full", full},
                   {"in_use", after.statistics.in_use}};
  }

  ServiceScene scene_;
  Expiring expiring_;
  uint32_t next_flow_ = 0;
  uint64_t cycles_ = 0;
  uint64_t frames_ = 0;
  nlohmann::json said_;
};

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  podwarp::test::EnsureEal();
  podwarp::test::Load load;
  load.Open();
  load.Use();
  load.Flood();
  load.Expire();
  std::puts(load.said().dump().c_str());
  return 0;
}
