#include "control/control_loop.h"

#include <glog/logging.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

namespace podwarp {
namespace {

// Often enough for what workers report to be handled before anybody notices, seldom enough to cost
// an idle node nothing.
constexpr int kTickMs = 10;

int BlockAndWatchSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  PCHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  const int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  PCHECK(fd >= 0);
  return fd;
}

}  // namespace

struct ControlLoop::Task {
  const std::function<void()>& run;
  // Under mutex_: the caller's frame, and this with it, may go right after.
  bool is_done = false;
  bool is_refused = false;
};

absl::Time ControlLoop::Now() {
  return absl::FromUnixNanos(std::chrono::steady_clock::now().time_since_epoch() /
                             std::chrono::nanoseconds(1));
}

ControlLoop::ControlLoop()
    : signal_fd_(BlockAndWatchSignals()), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PCHECK(wake_fd_ >= 0);
}

ControlLoop::~ControlLoop() {
  close(signal_fd_);
  close(wake_fd_);
}

void ControlLoop::Run(const std::function<void(absl::Time)>& tick,
                      const std::function<void()>& hang_up) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kEnded) return;
    state_ = State::kRunning;
  }
  while (!stop_.load()) {
    tick(Now());
    pollfd wake[] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                     {.fd = wake_fd_, .events = POLLIN, .revents = 0}};
    poll(wake, std::size(wake), kTickMs);
    const int signal = TakeSignal();
    if (signal == SIGHUP) {
      hang_up();
    } else if (signal != 0) {
      LOG(INFO) << "stopping: " << strsignal(signal);
      stop_.store(true);
    }
    RunTasks();
  }
  End();
}

void ControlLoop::End() {
  const std::lock_guard lock(mutex_);
  state_ = State::kEnded;
  for (Task* task : tasks_) task->is_refused = true;
  tasks_.clear();
  task_done_.notify_all();
}

int ControlLoop::TakeSignal() {
  signalfd_siginfo signal;
  const bool is_there = read(signal_fd_, &signal, sizeof(signal)) == sizeof(signal);
  return is_there ? static_cast<int>(signal.ssi_signo) : 0;
}

void ControlLoop::RunTasks() {
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
  std::vector<Task*> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (Task* task : tasks) {
    task->run();
    const std::lock_guard lock(mutex_);
    task->is_done = true;
    task_done_.notify_all();
  }
}

bool ControlLoop::Call(const std::function<void()>& task) {
  Task queued{.run = task};
  std::unique_lock lock(mutex_);
  if (state_ == State::kEnded) return false;
  tasks_.push_back(&queued);
  eventfd_write(wake_fd_, 1);
  task_done_.wait(lock, [&] { return queued.is_done || queued.is_refused; });
  return queued.is_done;
}

void ControlLoop::Stop() {
  stop_.store(true);
  eventfd_write(wake_fd_, 1);
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kStarting) return;
  }
  End();
}

}  // namespace podwarp
