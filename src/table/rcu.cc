#include "podwarp/table/rcu.h"

#include <glog/logging.h>

#include <cstdlib>
#include <mutex>
#include <thread>

namespace podwarp {
namespace {

// librte_rcu notes the newest token that is over, without an order for several who ask at once.
bool IsOver(rte_rcu_qsbr* qsbr, uint64_t token) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  return rte_rcu_qsbr_check(qsbr, token, /*wait=*/false) == 1;
}

}  // namespace

// Plain aligned memory, not the EAL's: tables and their tests then need no hugepages, and the
// variable is a few cache lines whatever its size.
void Rcu::FreeQsbr::operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }

Rcu::Rcu(uint32_t max_readers) {
  const size_t bytes = rte_rcu_qsbr_get_memsize(max_readers);
  CHECK_NE(bytes, 1u) << "RCU: " << max_readers << " readers are not possible";
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes)));
  CHECK(qsbr_ != nullptr) << "RCU: no memory for " << max_readers << " readers";
  CHECK_EQ(rte_rcu_qsbr_init(qsbr_.get(), max_readers), 0);
}

Rcu::~Rcu() { Synchronize(); }

void Rcu::Register(uint32_t reader) {
  CHECK_EQ(rte_rcu_qsbr_thread_register(qsbr_.get(), reader), 0) << "RCU: reader " << reader;
}

void Rcu::Unregister(uint32_t reader) {
  CHECK_EQ(rte_rcu_qsbr_thread_unregister(qsbr_.get(), reader), 0) << "RCU: reader " << reader;
}

void Rcu::Retire(std::function<void()> action) {
  retired_.push_back({rte_rcu_qsbr_start(qsbr_.get()), std::move(action)});
}

size_t Rcu::Poll() {
  size_t ran = 0;
  while (!retired_.empty() && IsOver(qsbr_.get(), retired_.front().token)) {
    // Taken out first: an action may retire more.
    const std::function<void()> action = std::move(retired_.front().action);
    retired_.pop_front();
    action();
    ++ran;
  }
  return ran;
}

void Rcu::WaitForReaders() const {
  // What rte_rcu_qsbr_synchronize() does; inline, so that the thread sanitizer sees it. A reader
  // may need this core to get on.
  const uint64_t token = rte_rcu_qsbr_start(qsbr_.get());
  while (!IsOver(qsbr_.get(), token)) std::this_thread::yield();
}

void Rcu::Synchronize() {
  do {
    WaitForReaders();
    Poll();
  } while (!retired_.empty());
}

}  // namespace podwarp
