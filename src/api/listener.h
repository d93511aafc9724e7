// A socket that connections are accepted from.
#pragma once

namespace podwarp {

class Listener {
 public:
  Listener() = default;
  virtual ~Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Accepts without waiting, once this is readable.
  virtual int fd() const = 0;
};

}  // namespace podwarp
