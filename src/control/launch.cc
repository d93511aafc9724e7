#include "control/launch.h"

#include <glog/logging.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/state_store.h"
#include "dataplane/plain_frames.h"
#include "dataplane/want_neighbor.h"
#include "platform/host_interface.h"
#include "platform/pod_interface.h"
#include "port/vhost_limits.h"

namespace podwarp {
namespace {

// Beside the buffers: rings, devices' queues, DPDK's own.
constexpr uint32_t kOtherMemoryMb = 64;

void RaiseFileLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) PLOG(WARNING) << "limit of open files";
}

absl::Status ForEachStored(const std::string& state_file,
                           absl::FunctionRef<void(const Object&)> visit) {
  const absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(state_file);
  if (!store.ok()) return store.status();
  return (*store)->Load(visit).status();
}

int RunWorker(void* worker) {
  static_cast<Worker*>(worker)->Run();
  return 0;
}

}  // namespace

Launch::Launch(const Config& config) : config_(config), cores_(config.workers.cores) {
  if (cores_.empty()) cores_ = {AvailableCores().back()};
  RaiseFileLimit();
}

uint32_t Launch::BuffersNeeded() const {
  uint32_t queues = 0;
  for (const UplinkConfig& uplink : config_.uplinks) queues += uplink.queues;
  return std::max(config_.buffers, BufferCount({.uplink_queues = queues, .workers = workers()}));
}

uint16_t Launch::LargestMtu() const {
  uint16_t mtu = 1500;
  for (const UplinkConfig& uplink : config_.uplinks) mtu = std::max(mtu, uplink.mtu_bytes);
  return mtu;
}

uint64_t Launch::MemoryNeeded() const { return BufferBytes(BuffersNeeded(), LargestMtu()); }

EalOptions Launch::eal_options() const {
  EalOptions options{.file_prefix = config_.file_prefix, .worker_cores = cores_};
  for (const UplinkConfig& uplink : config_.uplinks) {
    if (!uplink.pci_address.empty()) options.pci_addresses.push_back(uplink.pci_address);
  }
  uint32_t queue_pairs = 0;
  for (const PodConfig& pod : config_.pods) {
    if (const auto* port = std::get_if<VhostUserPortConfig>(&pod.port)) queue_pairs += port->queues;
  }
  const auto buffers_mb = static_cast<uint32_t>(MemoryNeeded() >> 20);
  const uint32_t vhost_mb = queue_pairs * kVhostQueuePairKib >> 10;
  options.memory_mb = std::max(config_.hugepage_memory_mb, buffers_mb + vhost_mb + kOtherMemoryMb);
  return options;
}

std::string Launch::Summary() const {
  return absl::StrCat(workers(), " worker(s) on core(s) ", absl::StrJoin(cores_, ","), "; ",
                      BuffersNeeded(), " buffers in ", MemoryNeeded() >> 20, " MiB of ",
                      rte_eal_has_hugepages() != 0 ? "hugepages" : "ordinary pages");
}

absl::StatusOr<rte_mempool*> Launch::MakePool() const {
  const uint32_t count = BuffersNeeded();
  VLOG(1) << "frames: " << count << " buffers, " << (MemoryNeeded() >> 20)
          << " MiB: twice (1024 a receive queue of an uplink + 1024 a worker and such queue + "
             "2624 a worker), at least memory.buffers; "
          << workers() << " worker(s)";
  return MakeBufferPool(count, LargestMtu());
}

WorkerSet Launch::MakeWorkers(Tables* tables, EventRing* events, rte_mempool* pool) const {
  const uint64_t hz = rte_get_tsc_hz();
  const LimitsConfig& limits = config_.limits;
  WorkerOptions options{
      .id = 0,
      .limits = {.arp = limits.arp_per_second == 0
                            ? Rate::Unlimited()
                            : Rate(limits.arp_per_second, limits.arp_per_second, hz),
                 .icmp_errors =
                     Rate(limits.icmp_errors_per_second, limits.icmp_errors_per_second, hz),
                 .neighbors = Rate(kNeighborsForOthersPerSecond, kNeighborsForOthersPerSecond, hz)},
      .idle = {
          .may_sleep = config_.idle.mode == IdleMode::kAdaptive,
          .max_sleep_ns = static_cast<uint64_t>(absl::ToInt64Nanoseconds(config_.idle.max_sleep))}};
  VLOG(1) << "plain frames are found "
          << (CanFindPlainFramesByAvx512() ? "eight at a time, by AVX-512" : "one by one");
  std::vector<std::unique_ptr<Worker>> made;
  for (options.id = 0; options.id < workers(); ++options.id) {
    made.push_back(std::make_unique<Worker>(options, tables, events, pool));
  }
  return WorkerSet(std::move(made), tables);
}

void Launch::StartWorkers(WorkerSet& workers) const {
  for (unsigned i = 0; i < workers.size(); ++i) {
    CHECK_EQ(rte_eal_remote_launch(RunWorker, &workers[i], i + 1), 0) << "worker " << i;
  }
}

void Launch::StopWorkers(WorkerSet& workers) const {
  workers.Stop();
  rte_eal_mp_wait_lcore();
}

absl::Status CleanUp(const Config& config) {
  absl::Status status;
  const auto clean_up = [&](const PodConfig& pod) {
    if (const auto* tap = std::get_if<TapPortConfig>(&pod.port)) {
      status.Update(RemovePodInterface(tap->interface, tap->netns));
    }
  };
  for (const PodConfig& pod : config.pods) clean_up(pod);
  if (config.api.has_value() && std::filesystem::exists(config.api->state_file)) {
    status.Update(ForEachStored(config.api->state_file, [&](const Object& object) {
      if (const auto* pod = std::get_if<PodConfig>(&object)) clean_up(*pod);
    }));
  }
  if (config.host_port.has_value()) {
    status.Update(CleanUpHostInterface(config.host_port->interface));
  }
  return status;
}

}  // namespace podwarp
