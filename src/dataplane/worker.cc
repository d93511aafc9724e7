// Theory of operation
//
// A round asks every polled queue once, then those that report readiness, then sends what the
// control thread made, and hands everything to the ports. No pointer into a table lives longer
// than a round: at its end the worker reports a quiescent state.
//
// Asking the kernel which taps are ready is a system call. The worker asks only every 40 us, unless
// the last answer was that something was ready.
//
// A wakeable queue (a guest's ring) is polled while it is busy. When it has been silent for a while
// it is laid to rest: its guest then tells by a descriptor when it sends again, as a tap does, so
// that any number of silent guests costs nothing.
//
// Idle: first the worker polls on, then it lays all to rest that can be and sleeps, longer each
// time, up to a bound. It sleeps in the epoll set, so that a tap's or guest's frame or the control
// thread wakes it at once; only a polled queue's frame has to wait for the end of the sleep. It is
// RCU-offline meanwhile.
#include "podwarp/dataplane/worker.h"

#include <glog/logging.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/drop.h"

namespace podwarp {
namespace {

// Asking every 10 us took 4.6 % of a busy worker's time. The first frame of a silent guest or tap
// waits so long at most, if the worker is busy with others.
constexpr uint64_t kReadinessIntervalNs = 40'000;
constexpr uint64_t kSpinNs = 50'000;  // poll on for so long before the first sleep
// Waking costs a guest a system call or an exit to its hypervisor: not oftener than this.
constexpr uint64_t kRestAfterNs = 1'000'000;
// With no polled queue whatever is to be done wakes the worker.
constexpr uint64_t kLongSleepNs = 100'000'000;
constexpr unsigned kInjectRingSize = 1024;
constexpr uint64_t kWakeUp = UINT64_MAX;
constexpr int kReadyAtOnce = 64;

constexpr uint64_t kWakeable = uint64_t{1} << 32;

uint64_t Pack(PortId port, uint16_t queue) { return uint64_t{port} << 16 | queue; }

uint64_t NanosecondsToCycles(uint64_t ns) {
  return static_cast<uint64_t>(static_cast<double>(ns) * 1e-9 *
                               static_cast<double>(rte_get_tsc_hz()));
}

}  // namespace

Worker::Worker(const WorkerOptions& options, Tables* tables, EventRing* events, rte_mempool* pool)
    : options_(options),
      tables_(*tables),
      context_{.worker = options.id,
               .tables = *tables,
               .counters = counters_,
               .events = *events,
               .pool = pool,
               .limits = options.limits},
      pipeline_(&context_),
      polled_(new Polled),
      injected_(kInjectRingSize),
      readiness_interval_(NanosecondsToCycles(kReadinessIntervalNs)),
      rest_after_(NanosecondsToCycles(kRestAfterNs)),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PCHECK(epoll_fd_ >= 0 && wake_fd_ >= 0) << "worker " << options.id;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeUp}};
  PCHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
  awake_.reserve(kMaxPorts);
}

Worker::~Worker() {
  Injected left;
  while (injected_.Take(&left)) DropInjected(left.frame);
  tables_.rcu.Synchronize();
  delete polled_.load();
  close(epoll_fd_);
  close(wake_fd_);
}

void Worker::Run() {
  // A sleep must not last 50 us longer than asked for.
  prctl(PR_SET_TIMERSLACK, 1000);
  tables_.rcu.Register(options_.id);
  tables_.rcu.Online(options_.id);
  const uint64_t spin = NanosecondsToCycles(kSpinNs);
  uint64_t now = rte_rdtsc();
  uint64_t last_busy = now;
  uint64_t sleep_ns = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint32_t frames = Round(now);
    tables_.rcu.Quiescent(options_.id);
    // Read once a round: the end of one is the start of the next.
    const uint64_t start = std::exchange(now, rte_rdtsc());
    if (frames > 0) {
      counters_.cycles_busy.Add(now - start);
      last_busy = now;
      sleep_ns = 0;
      continue;
    }
    counters_.cycles_idle.Add(now - start);
    if (options_.idle.may_sleep && now - last_busy > spin) {
      if (LayAllToRest(now) > 0) continue;
      sleep_ns = std::min(std::max(2 * sleep_ns, options_.idle.first_sleep_ns),
                          options_.idle.max_sleep_ns);
      Sleep(sleep_ns);
      now = rte_rdtsc();
    } else {
      rte_pause();
    }
  }
  tables_.rcu.Offline(options_.id);
  tables_.rcu.Unregister(options_.id);
}

uint32_t Worker::Round() { return Round(rte_rdtsc()); }

uint32_t Worker::Round(uint64_t now) {
  pipeline_.BeginRound(now);
  uint32_t frames = 0;
  const Polled& polled = *polled_.load(std::memory_order_acquire);
  for (const ReceiveQueue& queue : polled.queues) frames += Receive(queue.port, queue.queue);
  if (polled.others_report || !awake_.empty()) {
    frames += ProcessAwake(now);
    if (now >= next_readiness_check_) frames += ProcessReady(now);
  }
  SendInjected();
  pipeline_.Flush();
  counters_.rounds.Add(1);
  return frames;
}

uint32_t Worker::Receive(PortId port, uint16_t queue) {
  const uint16_t received = pipeline_.Process(port, queue);
  counters_.bursts.Add(received > 0);
  return received;
}

uint32_t Worker::ProcessAwake(uint64_t now) {
  uint32_t frames = 0;
  for (size_t i = 0; i < awake_.size();) {
    AwakeQueue& queue = awake_[i];
    // Its number may be another port's by now, whose queues are another worker's.
    if (removals_[queue.port].load(std::memory_order_acquire) != queue.removals) {
      queue = awake_.back();
      awake_.pop_back();
      continue;
    }
    const uint32_t received = Receive(queue.port, queue.queue);
    if (received > 0) queue.last_busy = now;
    frames += received;
    ++i;
  }
  if (now >= next_rest_) {
    frames += LayToRest(now, rest_after_);
    next_rest_ = now + rest_after_;
  }
  return frames;
}

// Lays those to rest that have been silent for so long. Returns the frames that turned up
// meanwhile.
uint32_t Worker::LayToRest(uint64_t now, uint64_t idle_cycles) {
  uint32_t frames = 0;
  for (size_t i = 0; i < awake_.size();) {
    AwakeQueue& queue = awake_[i];
    Port* port = tables_.ports.Get(queue.port);
    if (port == nullptr || now - queue.last_busy < idle_cycles || !port->Rest(queue.queue)) {
      ++i;
      continue;
    }
    const uint32_t received = Receive(queue.port, queue.queue);
    if (received > 0) {
      port->Wake(queue.queue);
      queue.last_busy = now;
      frames += received;
      ++i;
      continue;
    }
    queue = awake_.back();
    awake_.pop_back();
  }
  return frames;
}

// A round by itself. Returns the frames that turned up meanwhile.
uint32_t Worker::LayAllToRest(uint64_t now) {
  if (awake_.empty()) return 0;
  pipeline_.BeginRound(now);
  const uint32_t frames = LayToRest(now, 0);
  pipeline_.Flush();
  return frames;
}

uint32_t Worker::ProcessReady(uint64_t now) {
  epoll_event ready[kReadyAtOnce];
  const int count = epoll_wait(epoll_fd_, ready, kReadyAtOnce, 0);
  uint32_t frames = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t data = ready[i].data.u64;
    if (data == kWakeUp) {
      TakeWakeUp();
      continue;
    }
    const auto port = static_cast<PortId>(data >> 16);
    const auto queue = static_cast<uint16_t>(data);
    if ((data & kWakeable) != 0) WakeQueue(port, queue, now);
    frames += Receive(port, queue);
  }
  next_readiness_check_ = frames > 0 ? 0 : now + readiness_interval_;
  return frames;
}

void Worker::WakeQueue(PortId id, uint16_t queue, uint64_t now) {
  Port* port = tables_.ports.Get(id);
  if (port == nullptr) return;
  port->Wake(queue);
  for (AwakeQueue& awake : awake_) {
    if (awake.port == id && awake.queue == queue) return;
  }
  awake_.push_back({id, queue, removals_[id].load(std::memory_order_acquire), now});
}

void Worker::SendInjected() {
  Injected injected;
  while (injected_.Take(&injected)) {
    const auto port = static_cast<PortId>(injected.port);
    const bool is_there = removals_[port].load(std::memory_order_acquire) == injected.removals;
    if (is_there) {
      pipeline_.Send(port, injected.frame);
    } else {
      DropInjected(injected.frame);
    }
  }
}

void Worker::DropInjected(rte_mbuf* frame) {
  counters_.originated.Add(1);
  Drop(context_, kNoPort, frame, DropReason::kPortGone);
}

// What the control thread wants is looked for in each round anyway, after this.
void Worker::TakeWakeUp() {
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
}

void Worker::Sleep(uint64_t ns) {
  const bool polls = !polled_.load(std::memory_order_acquire)->queues.empty() || !awake_.empty();
  if (!polls) ns = kLongSleepNs;
  const timespec timeout{.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
                         .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
  epoll_event event;
  tables_.rcu.Offline(options_.id);
  const uint64_t start = rte_rdtsc();
  const int count = epoll_pwait2(epoll_fd_, &event, 1, &timeout, nullptr);
  // Only the wake-up is drained here: what else is ready is found by the next round. Nothing is, if
  // the time was slept through.
  if (count > 0 && event.data.u64 == kWakeUp) TakeWakeUp();
  next_readiness_check_ = count == 0 ? rte_rdtsc() + readiness_interval_ : 0;
  counters_.cycles_sleeping.Add(rte_rdtsc() - start);
  counters_.sleeps.Add(1);
  tables_.rcu.Online(options_.id);
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  eventfd_write(wake_fd_, 1);
}

absl::Status Worker::AddQueue(PortId port, uint16_t queue) {
  const Port& added = *tables_.ports.Get(port);
  const int fd = added.ReadinessFd(queue);
  if (fd >= 0) {
    const uint64_t wakeable = added.receive_mode() == ReceiveMode::kWakeable ? kWakeable : 0;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = Pack(port, queue) | wakeable}};
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("port '", added.settings().name, "': can't be watched by worker ",
                              options_.id));
    }
  }
  queues_.push_back({port, queue, fd});
  PublishPolled();
  return absl::OkStatus();
}

void Worker::RemoveQueues(PortId port) {
  for (const ReceiveQueue& queue : queues_) {
    if (queue.port == port && queue.readiness_fd >= 0) {
      epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, queue.readiness_fd, nullptr);
    }
  }
  std::erase_if(queues_, [&](const ReceiveQueue& queue) { return queue.port == port; });
  removals_[port].fetch_add(1, std::memory_order_release);
  PublishPolled();
}

void Worker::PublishPolled() {
  auto* polled = new Polled;
  std::copy_if(queues_.begin(), queues_.end(), std::back_inserter(polled->queues),
               [](const ReceiveQueue& queue) { return queue.readiness_fd < 0; });
  polled->others_report = polled->queues.size() < queues_.size();
  tables_.rcu.RetireObject(polled_.exchange(polled, std::memory_order_acq_rel));
  eventfd_write(wake_fd_, 1);
}

bool Worker::Inject(PortId port, rte_mbuf* frame) {
  const uint32_t removals = removals_[port].load(std::memory_order_relaxed);
  if (!injected_.Put({frame, port, removals})) return false;
  eventfd_write(wake_fd_, 1);
  return true;
}

}  // namespace podwarp
