// A connection with somebody who asks: bytes in and out, and no more patience than a slow, silent
// or broken peer deserves.
//
// The time that a peer keeps us waiting is counted, for a whole request and its answer. A second
// more is granted with every 64 KiB that move, so that long bodies may come at the pace of any
// program, and one byte now and then is no way to stay.
//
// Thread rule: the connection's own thread; Interrupt() and waiting_since() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace podwarp {

struct ConnectionLimits {
  absl::Duration idle = absl::Seconds(30);      // between two requests
  absl::Duration patience = absl::Seconds(10);  // with a request and its answer
  size_t header_bytes = 32 << 10;
};

class HttpConnection {
 public:
  // Owns the descriptor.
  HttpConnection(int fd, const ConnectionLimits& limits);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Waits until a request begins. False if none does: the peer is gone, or was silent for too long.
  bool WaitForRequest();
  // Its headers are whole. Before that, more than the limit's bytes are none at all.
  void HeadersEnd() { in_headers_ = false; }

  // The answer has another part, which may not be there yet: patience begins anew with each.
  void PartBegins();
  // The peer has closed, or Interrupt() was called; asked while there is nothing to be written.
  bool IsOver() const;

  // As read(2) and write(2), all of it; -1 if the peer is gone, or was too slow.
  ssize_t Read(char* data, size_t size);
  ssize_t Write(const char* data, size_t size);

  // Has the peer's present and future reads and ours end: the thread is done soon.
  void Interrupt();

  // Since when the peer has kept us waiting, by a clock that only goes forward; 0 while it is us
  // who keep the peer waiting.
  int64_t waiting_since() const { return waiting_since_.load(std::memory_order_relaxed); }
  // While this is there, it is us.
  class Busy {
   public:
    explicit Busy(HttpConnection* connection) : connection_(connection) {
      connection_->waiting_since_.store(0, std::memory_order_relaxed);
    }
    ~Busy() { connection_->WaitsFromNow(); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    HttpConnection* const connection_;
  };

  // What was answered leaves the connection in no state to go on with.
  void set_failed() { has_failed_ = true; }
  bool has_failed() const { return has_failed_; }

 private:
  void WaitsFromNow();
  // Waits until the descriptor can be read or written (poll()'s `events`), at most so long; counts
  // the time.
  bool Wait(short events, absl::Duration limit);
  absl::Duration PatienceLeft() const;
  // Has something in the buffer, if it comes in time.
  bool Fill(absl::Duration limit);

  const int fd_;
  const ConnectionLimits limits_;
  std::atomic<int64_t> waiting_since_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // of what isn't read yet, in buffer_
  size_t end_ = 0;
  // Of the present request and its answer.
  bool in_headers_ = true;
  uint64_t moved_bytes_ = 0;
  absl::Duration waited_;
  bool has_failed_ = false;
};

}  // namespace podwarp
