// SIGHUP: has the configuration file read anew, by a thread of its own, since a large one takes
// seconds.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/reconciler.h"

namespace podwarp {

class Reloader {
 public:
  // `reconciler` outlives it.
  explicit Reloader(Reconciler* reconciler);
  // Waits for a reload that is under way.
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // Returns at once; any thread may call it. What is asked for during a reload comes after it,
  // once.
  void Ask();

 private:
  void Run();

  Reconciler& reconciler_;
  std::mutex mutex_;
  std::condition_variable asked_;
  bool is_asked_ = false;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace podwarp
