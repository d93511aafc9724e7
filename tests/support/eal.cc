#include "support/eal.h"

#include <glog/logging.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

#include "podwarp/dataplane/mark.h"
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

  absl::Status registered = RegisterOffloadField();
  if (registered.ok()) registered = RegisterMarkField();
  CHECK(registered.ok()) << registered.ToString();
}

// The free buffers, under a lock that the thread sanitizer sees: what a thread did to a buffer
// before it freed it is over when another thread gets it. DPDK's own handlers are no less sound,
// but lie in a library that isn't instrumented.
struct FreeBuffers {
  std::mutex mutex;
  std::vector<void*> buffers;

  static FreeBuffers& Of(const rte_mempool* pool) {
    return *static_cast<FreeBuffers*>(pool->pool_data);
  }
  // Of the one pool there is, which is never destroyed. The leak sanitizer doesn't look into the
  // EAL's memory for pointers: this one it sees.
  static int Create(rte_mempool* pool) {
    static auto* const kOnly = new FreeBuffers;
    pool->pool_data = kOnly;
    return 0;
  }
  static int Put(rte_mempool* pool, void* const* buffers, unsigned count) {
    const std::lock_guard lock(Of(pool).mutex);
    Of(pool).buffers.insert(Of(pool).buffers.end(), buffers, buffers + count);
    return 0;
  }
  static int Take(rte_mempool* pool, void** buffers, unsigned count) {
    const std::lock_guard lock(Of(pool).mutex);
    std::vector<void*>& all = Of(pool).buffers;
    if (all.size() < count) return -ENOBUFS;
    std::copy(all.end() - count, all.end(), buffers);
    all.resize(all.size() - count);
    return 0;
  }
  static unsigned Count(const rte_mempool* pool) {
    const std::lock_guard lock(Of(pool).mutex);
    return static_cast<unsigned>(Of(pool).buffers.size());
  }
};

// No cache per lcore: a buffer freed by any thread is at once free for all.
rte_mempool* CreatePool() {
  static const rte_mempool_ops kOps = {.name = "test",
                                       .alloc = FreeBuffers::Create,
                                       .enqueue = FreeBuffers::Put,
                                       .dequeue = FreeBuffers::Take,
                                       .get_count = FreeBuffers::Count};
  CHECK_GE(rte_mempool_register_ops(&kOps), 0);
  rte_mempool* pool = rte_pktmbuf_pool_create_by_ops(
      "test", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, kOps.name);
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
