#include "support/eal.h"

#include <glog/logging.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <string>
#include <vector>

#include "podwarp/port/offload.h"

namespace podwarp::test {
namespace {

// Enough for a few whole 64 KiB frames and full bursts beside them.
constexpr unsigned kBuffers = 4095;

void StartEal() {
  std::vector<std::string> arguments = {
      "podwarp-test",      "--no-huge", "--no-shconf", "--no-pci",      "--no-telemetry",
      "--log-level=error", "-m",        "256",         "--iova-mode=va"};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());

  // The EAL pins the calling thread, and threads started later would inherit that one CPU.
  cpu_set_t affinity;
  CHECK_EQ(pthread_getaffinity_np(pthread_self(), sizeof(affinity), &affinity), 0);
  CHECK_GE(rte_eal_init(static_cast<int>(argv.size()), argv.data()), 0) << rte_strerror(rte_errno);
  CHECK_EQ(pthread_setaffinity_np(pthread_self(), sizeof(affinity), &affinity), 0);

  const absl::Status registered = RegisterOffloadField();
  CHECK(registered.ok()) << registered.ToString();
}

// No cache per lcore: a buffer freed by any thread is at once free for all.
rte_mempool* CreatePool() {
  rte_mempool* pool =
      rte_pktmbuf_pool_create("test", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != nullptr) << rte_strerror(rte_errno);
  return pool;
}

}  // namespace

void EnsureEal() {
  static const bool kStarted = (StartEal(), true);
  static_cast<void>(kStarted);
}

rte_mempool* TestPool() {
  EnsureEal();
  static rte_mempool* const kPool = CreatePool();
  return kPool;
}

unsigned BuffersInUse() { return rte_mempool_in_use_count(TestPool()); }

}  // namespace podwarp::test
