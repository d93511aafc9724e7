#include "control/reloader.h"

namespace podwarp {

Reloader::Reloader(Reconciler* reconciler) : reconciler_(*reconciler), thread_([this] { Run(); }) {}

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void Reloader::Ask() {
  {
    const std::lock_guard lock(mutex_);
    is_asked_ = true;
  }
  asked_.notify_one();
}

void Reloader::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [&] { return is_asked_ || ends_; });
    if (ends_) return;
    is_asked_ = false;
    lock.unlock();
    reconciler_.Reload().IgnoreError();  // the log has it
    lock.lock();
  }
}

}  // namespace podwarp
