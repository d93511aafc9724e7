// The control thread: the only writer of tables. Other threads (telemetry, later the API) have it
// run their questions and changes.
//
// Thread rule: Run() is the control thread. Call() and Stop() may be called from any other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "absl/time/time.h"

namespace podwarp {

class ControlLoop {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP in the calling thread, and so in all threads it starts: Run()
  // is who takes them.
  ControlLoop();
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // The time as the control thread counts it. Only differences mean anything: it goes on evenly
  // when somebody sets the wall clock.
  static absl::Time Now();

  // Calls `tick` with the time every few milliseconds, what others ask for in between, and
  // `hang_up` at each SIGHUP, until SIGTERM, SIGINT or Stop().
  void Run(const std::function<void(absl::Time)>& tick, const std::function<void()>& hang_up);
  // One that doesn't run yet never will.
  void Stop();

  // Has the control thread run `task`, and waits for it: also until the loop begins to run. False,
  // and nothing is run, once it is stopped.
  bool Call(const std::function<void()>& task);

 private:
  struct Task;
  void RunTasks();
  // What signal has come; 0 if none.
  int TakeSignal();
  // Nothing is taken any more; whoever waits is told.
  void End();

  const int signal_fd_;
  const int wake_fd_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable task_done_;
  std::vector<Task*> tasks_;
  enum class State { kStarting, kRunning, kEnded } state_ = State::kStarting;
};

}  // namespace podwarp
