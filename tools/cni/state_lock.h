// One call at a time looks at a pod and then changes it: an old DEL must not remove what a new ADD
// has put there in between.
#pragma once

#include <fcntl.h>
#include <sys/file.h>

#include <string>

#include "descriptor.h"
#include "interrupt.h"

namespace podwarp::cni {

class StateLock {
 public:
  // Waits for the lock. The file stays: to remove it would let two hold it. Throws CniError 5, 105.
  explicit StateLock(const std::string& path)
      : file_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (file_.get() < 0) throw IoError("lock: " + path);
    while (flock(file_.get(), LOCK_EX) != 0) {
      if (errno != EINTR) throw IoError("lock: " + path);
      ThrowIfInterrupted();
    }
  }

 private:
  Descriptor file_;
};

}  // namespace podwarp::cni
