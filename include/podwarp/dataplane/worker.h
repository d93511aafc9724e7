// A poll-mode core: takes frames from its receive queues and sends each the whole way, for ever.
//
// Thread rule: Run() is the worker thread. Stop() may be called from any thread, also from a signal
// handler. Everything else is for the control thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "podwarp/dataplane/pipeline.h"

namespace podwarp {

// What a worker does when there is nothing to do.
struct IdlePolicy {
  bool may_sleep = true;             // false: poll on, whatever it costs
  uint64_t first_sleep_ns = 20'000;  // doubles with each sleep, up to:
  uint64_t max_sleep_ns = 0;         // the longest that a frame may wait for a sleeping worker
};

struct WorkerOptions {
  uint16_t id;  // also its number as a reader in Tables::rcu
  RateLimits limits;
  IdlePolicy idle;
};

class Worker {
 public:
  // Everything pointed to outlives the worker. CHECKs that the kernel gives it an epoll set.
  Worker(const WorkerOptions& options, Tables* tables, EventRing* events, rte_mempool* pool);
  // REQUIRES: Run() has returned.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Forwards until Stop().
  void Run();
  void Stop();
  // One round of Run(): what all queues hold now, up to a burst each, goes the whole way. Returns
  // how many frames came in. REQUIRES: Run() is not running.
  uint32_t Round();

  // The worker takes over a receive queue of a port that it can see in Tables::ports. Errors: what
  // the kernel says about the port's descriptor.
  absl::Status AddQueue(PortId port, uint16_t queue);
  // The worker lets go of all queues of the port, and sends nothing more that was injected for it;
  // it may look at them until a grace period is over.
  void RemoveQueues(PortId port);
  size_t queues() const { return queues_.size(); }

  // Has the worker send a frame that the control thread made. False if it is too busy: the frame
  // stays with the caller.
  bool Inject(PortId port, rte_mbuf* frame);

  const WorkerCounters& counters() const { return counters_; }  // any thread

 private:
  struct ReceiveQueue {
    PortId port;
    uint16_t queue;
    int readiness_fd;
  };
  // A wakeable queue that is being polled at the moment.
  struct AwakeQueue {
    PortId port;
    uint16_t queue;
    uint32_t removals;   // of the port's number, when it woke
    uint64_t last_busy;  // cycles
  };
  struct Injected {
    rte_mbuf* frame;
    uint32_t port;
    uint32_t removals;  // of the port's number, when it was injected
  };
  // The queues that must be asked each round; the others report to the epoll set, if there are any.
  struct Polled {
    std::vector<ReceiveQueue> queues;
    bool others_report = false;
  };

  uint32_t Round(uint64_t now);
  uint32_t Receive(PortId port, uint16_t queue);
  uint32_t ProcessAwake(uint64_t now);
  uint32_t ProcessReady(uint64_t now);
  void WakeQueue(PortId port, uint16_t queue, uint64_t now);
  uint32_t LayToRest(uint64_t now, uint64_t idle_cycles);
  uint32_t LayAllToRest(uint64_t now);
  void SendInjected();
  void DropInjected(rte_mbuf* frame);
  void TakeWakeUp();
  void Sleep(uint64_t ns);
  void PublishPolled();

  const WorkerOptions options_;
  Tables& tables_;
  WorkerCounters counters_;
  WorkerContext context_;
  Pipeline pipeline_;

  // Writer: control. Readers: the worker, through polled_.
  std::vector<ReceiveQueue> queues_;
  std::atomic<const Polled*> polled_;
  ValueRing<Injected> injected_;
  // By port number. A frame can wait in the ring over a grace period: by then its port may be gone
  // and the number another port's.
  std::vector<std::atomic<uint32_t>> removals_ = std::vector<std::atomic<uint32_t>>(kMaxPorts);

  const uint64_t readiness_interval_;  // cycles
  const uint64_t rest_after_;          // cycles
  const int epoll_fd_;
  const int wake_fd_;
  std::atomic<bool> stop_{false};

  // The worker's own.
  std::vector<AwakeQueue> awake_;
  uint64_t next_readiness_check_ = 0;
  uint64_t next_rest_ = 0;
};

}  // namespace podwarp
