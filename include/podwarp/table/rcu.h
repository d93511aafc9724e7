// How workers read what the control thread changes: quiescent-state RCU (librte_rcu, "RCU Library"
// in the DPDK Programmer's Guide). It is the one mechanism for sharing state.
//
//   Writer:   the control thread.
//   Readers:  workers, between two calls of Quiescent(); any number of dereferences, no cost.
//   Publish:  one release store of a pointer or an index.
//   Reclaim:  Retire(action): runs once every reader has passed a quiescent state since.
//
// A reader that is about to sleep or block goes offline first; the writer does not wait for it.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

namespace podwarp {

class Rcu {
 public:
  // `max_readers`: reader ids run from 0 to max_readers - 1.
  explicit Rcu(uint32_t max_readers);
  // REQUIRES: no reader is online. Runs what was still retired.
  ~Rcu();
  Rcu(const Rcu&) = delete;
  Rcu& operator=(const Rcu&) = delete;

  // --- Readers, each with an id of its own. ---
  void Register(uint32_t reader);  // starts offline
  void Unregister(uint32_t reader);
  void Online(uint32_t reader) { rte_rcu_qsbr_thread_online(qsbr_.get(), reader); }
  void Offline(uint32_t reader) { rte_rcu_qsbr_thread_offline(qsbr_.get(), reader); }
  // The reader holds no pointer into any table now.
  void Quiescent(uint32_t reader) { rte_rcu_qsbr_quiescent(qsbr_.get(), reader); }

  // --- Any thread that isn't an online reader. ---
  // Waits until every reader has passed a quiescent state.
  void WaitForReaders() const;

  // --- The writer. ---
  // Runs `action` on a later Poll() or Synchronize(), after a grace period. Actions run in order.
  void Retire(std::function<void()> action);
  // Deletes `object` after a grace period.
  template <typename T>
  void RetireObject(const T* object) {
    Retire([object] { delete object; });
  }
  // Runs the actions whose grace period is over; never waits. Returns how many ran.
  size_t Poll();
  // Waits for readers, then runs all retired actions.
  void Synchronize();
  size_t pending() const { return retired_.size(); }

 private:
  struct Retired {
    uint64_t token;
    std::function<void()> action;
  };

  struct FreeQsbr {
    void operator()(rte_rcu_qsbr* qsbr) const;
  };
  std::unique_ptr<rte_rcu_qsbr, FreeQsbr> qsbr_;
  std::deque<Retired> retired_;
};

}  // namespace podwarp
