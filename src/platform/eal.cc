#include "platform/eal.h"

#include <glog/logging.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_pdump.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "podwarp/dataplane/mark.h"
#include "podwarp/port/offload.h"

namespace podwarp {
namespace {

constexpr uint32_t kRingDescriptors = 1024;
constexpr uint32_t kPoolCache = 512;
constexpr uint32_t kBurstsOnTheWay = 32;  // of 64 frames: transmit buffers of several ports
constexpr uint32_t kHugepageMb = 2;

// Free 2 MiB hugepages, and whether hugetlbfs is mounted to take them from.
struct Hugepages {
  uint32_t free = 0;
  bool is_mounted = false;
};

Hugepages LookForHugepages() {
  Hugepages found;
  std::ifstream free("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  free >> found.free;
  std::ifstream mounts("/proc/mounts");
  for (std::string device, point, type, rest; mounts >> device >> point >> type;) {
    std::getline(mounts, rest);
    if (type == "hugetlbfs") found.is_mounted = true;
  }
  return found;
}

// True if there is enough; else tells in the log what is missing and what brings it.
bool CanUseHugepages(uint32_t memory_mb) {
  const Hugepages hugepages = LookForHugepages();
  const uint32_t needed = memory_mb / kHugepageMb;
  if (hugepages.free < needed) {
    LOG(WARNING) << "running without hugepages, which is slower and hides the process from "
                    "dpdk-dumpcap: "
                 << needed << " of 2 MiB are needed and " << hugepages.free << " are free; `echo "
                 << std::max(1024u, 2 * needed) << " > /proc/sys/vm/nr_hugepages` makes them";
    return false;
  }
  if (!hugepages.is_mounted) {
    LOG(WARNING) << "running without hugepages, which is slower and hides the process from "
                    "dpdk-dumpcap: hugetlbfs is not mounted; `mkdir -p /dev/hugepages && mount -t "
                    "hugetlbfs none /dev/hugepages` mounts it";
    return false;
  }
  return true;
}

uint16_t DataRoom(uint16_t mtu_bytes) {
  constexpr uint16_t kEthernetAndVlan = 18;
  return static_cast<uint16_t>(std::max<uint32_t>(
      RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM + mtu_bytes + kEthernetAndVlan));
}

absl::Status CheckCores(const std::vector<uint16_t>& wanted) {
  const std::vector<uint16_t> available = AvailableCores();
  for (const uint16_t core : wanted) {
    if (std::find(available.begin(), available.end(), core) == available.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("worker core ", core, ": this process may use the cores ",
                       absl::StrJoin(available, ","), " only; name one of them by --worker_cores"));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> Arguments(const EalOptions& options) {
  // Lcore 0 is the control thread, free to run on any core; each worker has one core.
  std::string lcores = absl::StrCat("0@(", absl::StrJoin(AvailableCores(), ","), ")");
  for (size_t i = 0; i < options.worker_cores.size(); ++i) {
    absl::StrAppend(&lcores, ",", i + 1, "@", options.worker_cores[i]);
  }
  std::vector<std::string> arguments = {"podwarp", absl::StrCat("--lcores=", lcores),
                                        absl::StrCat("--file-prefix=", options.file_prefix),
                                        "--log-level=lib.*:warning", "--log-level=pmd.*:warning"};
  if (options.pci_addresses.empty()) arguments.push_back("--no-pci");
  for (const std::string& address : options.pci_addresses) {
    arguments.insert(arguments.end(), {"-a", address});
  }
  if (!CanUseHugepages(options.memory_mb)) {
    arguments.insert(arguments.end(), {"--no-huge", "-m", absl::StrCat(options.memory_mb)});
  }
  return arguments;
}

// The lock on its configuration is what makes a process the primary one of a prefix.
bool IsPrefixInUse() {
  const char* directory = rte_eal_get_runtime_dir();
  return directory != nullptr &&
         rte_eal_primary_proc_alive(absl::StrCat(directory, "/config").c_str()) == 1;
}

// The EAL's error code says little: it has none for a prefix in use, and lacking rights show as a
// lack of memory.
absl::Status Explain(int error, const std::string& prefix) {
  if (IsPrefixInUse()) {
    return absl::AlreadyExistsError(absl::StrCat("another process uses DPDK's file prefix '",
                                                 prefix,
                                                 "': stop it, or choose another by --file_prefix"));
  }
  if (error == EACCES || error == EPERM || geteuid() != 0) {
    return absl::PermissionDeniedError("DPDK may not start here: run podwarp as root");
  }
  return absl::InternalError(
      absl::StrCat("DPDK can't start: ", rte_strerror(error), " (its own words stand above)"));
}

}  // namespace

std::vector<uint16_t> AvailableCores() {
  cpu_set_t set;
  PCHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
  std::vector<uint16_t> cores;
  for (uint16_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

absl::Status StartEal(const EalOptions& options) {
  if (absl::Status status = CheckCores(options.worker_cores); !status.ok()) return status;
  cpu_set_t affinity;
  PCHECK(pthread_getaffinity_np(pthread_self(), sizeof(affinity), &affinity) == 0);
  std::vector<std::string> arguments = Arguments(options);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  VLOG(1) << "EAL: " << absl::StrJoin(arguments, " ");
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return Explain(rte_errno, options.file_prefix);
  }
  // The EAL pins its main thread, and threads inherit that.
  PCHECK(pthread_setaffinity_np(pthread_self(), sizeof(affinity), &affinity) == 0);
  if (rte_pdump_init() != 0) {
    LOG(WARNING) << "dpdk-dumpcap can't attach: " << rte_strerror(rte_errno);
  }
  if (absl::Status status = RegisterOffloadField(); !status.ok()) return status;
  return RegisterMarkField();
}

void StopEal() {
  rte_pdump_uninit();
  rte_eal_cleanup();
}

uint32_t BufferCount(const BufferNeeds& needs) {
  const uint32_t receive = needs.uplink_queues * kRingDescriptors;
  const uint32_t transmit = needs.uplink_queues * needs.workers * kRingDescriptors;
  const uint32_t work = needs.workers * (kBurstsOnTheWay * 64 + 64 + kPoolCache);
  return 2 * (receive + transmit + work);
}

uint64_t BufferBytes(uint32_t count, uint16_t mtu_bytes) {
  return uint64_t{count} * (DataRoom(mtu_bytes) + sizeof(rte_mbuf) + RTE_CACHE_LINE_SIZE);
}

absl::StatusOr<rte_mempool*> MakeBufferPool(uint32_t count, uint16_t mtu_bytes) {
  const uint16_t room = DataRoom(mtu_bytes);
  rte_mempool* pool = rte_pktmbuf_pool_create("frames", count, kPoolCache, 0, room, SOCKET_ID_ANY);
  if (pool == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no memory for ", count, " buffers of ", room, " bytes (", rte_strerror(rte_errno),
        "): make more hugepages, `echo 2048 > /proc/sys/vm/nr_hugepages`"));
  }
  return pool;
}

}  // namespace podwarp
