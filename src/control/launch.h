// From the configuration to a running process: what the EAL is to be given, and the workers.
#pragma once

#include <rte_mempool.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config.h"
#include "control/worker_set.h"
#include "platform/eal.h"

namespace podwarp {

class Launch {
 public:
  // `config` outlives it. Raises the limit of open files to what the kernel allows: each tap and
  // socket is one.
  explicit Launch(const Config& config);

  uint16_t workers() const { return static_cast<uint16_t>(cores_.size()); }
  EalOptions eal_options() const;
  // "2 worker(s) on core(s) 1,2; 16384 buffers in 40 MiB of hugepages". After StartEal().
  std::string Summary() const;

  // From here on: after StartEal().
  absl::StatusOr<rte_mempool*> MakePool() const;
  WorkerSet MakeWorkers(Tables* tables, EventRing* events, rte_mempool* pool) const;
  // Each on the lcore of its own.
  void StartWorkers(WorkerSet& workers) const;
  // Returns when they have ended.
  void StopWorkers(WorkerSet& workers) const;

 private:
  uint32_t BuffersNeeded() const;
  uint64_t MemoryNeeded() const;  // bytes, for the buffers
  uint16_t LargestMtu() const;

  const Config& config_;
  std::vector<uint16_t> cores_;
};

// Removes what podwarp leaves in the kernel for this configuration and for what came through the
// API: host port, pod taps, routes, nftables table. Goes on after an error and returns the first.
absl::Status CleanUp(const Config& config);

}  // namespace podwarp
