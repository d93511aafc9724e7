// Starting DPDK's environment abstraction layer for a node, and the buffers all frames live in.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace podwarp {

struct EalOptions {
  std::string file_prefix;
  std::vector<uint16_t> worker_cores;  // one lcore each, in this order: lcore i + 1 for the i-th
  std::vector<std::string> pci_addresses;  // the only PCI devices that are touched
  uint32_t memory_mb = 0;                  // at least so much will be needed
};

// The machine has so many CPUs for this process; ascending.
std::vector<uint16_t> AvailableCores();

// Starts the EAL as a primary process with a file prefix of its own, so that dpdk-dumpcap and
// dpdk-telemetry.py find it. Without enough free hugepages it runs on ordinary ones and says so in
// the log. The calling thread, and threads that it starts later, keep the affinity they had.
// Errors, each one sentence with the command that helps: InvalidArgument (no such core),
// PermissionDenied, AlreadyExists (the prefix is in use), Internal (what DPDK says).
absl::Status StartEal(const EalOptions& options);
void StopEal();

struct BufferNeeds {
  uint32_t uplink_queues = 0;  // receive queues of all uplinks
  uint32_t workers = 1;
};
// Buffers: each uplink queue's receive ring of 1024, each worker's transmit ring on each queue,
// each worker's bursts, one 64 KiB segment in pieces, its pool cache, and as much again as slack.
uint32_t BufferCount(const BufferNeeds& needs);
// Bytes of memory that so many buffers take, each of which holds a frame of this MTU whole: not all
// devices can scatter one over several.
uint64_t BufferBytes(uint32_t count, uint16_t mtu_bytes);

// Errors: ResourceExhausted that says how much was asked for and what gives more.
absl::StatusOr<rte_mempool*> MakeBufferPool(uint32_t count, uint16_t mtu_bytes);

}  // namespace podwarp
