// The EAL and the buffers that all tests of one process share.
#pragma once

#include <rte_mempool.h>

namespace podwarp::test {

// Starts the EAL on the first call, without root, hugepages, devices or files that another process
// could see, and registers the Offload field. tests/support/main.cc calls it before any test runs.
// The calling thread keeps the CPU affinity that it had.
void EnsureEal();

// Buffers with the default data room (2048 bytes behind 128 of headroom).
rte_mempool* TestPool();

// How many buffers of TestPool() are not free. A test that compares this before and after finds
// a frame that was lost or freed twice.
unsigned BuffersInUse();

}  // namespace podwarp::test
