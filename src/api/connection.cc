#include "api/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace podwarp {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
constexpr double kSlowestBytesPerSecond = 64 << 10;

int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

HttpConnection::HttpConnection(int fd, const ConnectionLimits& limits)
    : fd_(fd), limits_(limits), waiting_since_(NowNs()), buffer_(kBufferBytes) {}

HttpConnection::~HttpConnection() { close(fd_); }

void HttpConnection::WaitsFromNow() { waiting_since_.store(NowNs(), std::memory_order_relaxed); }

void HttpConnection::Interrupt() { shutdown(fd_, SHUT_RDWR); }

bool HttpConnection::Wait(short events, absl::Duration limit) {
  const int64_t start = NowNs();
  const int64_t end = start + absl::ToInt64Nanoseconds(limit);
  bool ready = false;
  for (int64_t now = start; !ready && now < end; now = NowNs()) {
    pollfd wait = {.fd = fd_, .events = events, .revents = 0};
    // Rounded up, so that it doesn't spin through the last millisecond.
    const int result = poll(&wait, 1, static_cast<int>((end - now) / 1'000'000 + 1));
    if (result < 0 && errno != EINTR) break;
    ready = result > 0;
  }
  waited_ += absl::Nanoseconds(NowNs() - start);
  return ready;
}

absl::Duration HttpConnection::PatienceLeft() const {
  return limits_.patience +
         absl::Seconds(static_cast<double>(moved_bytes_) / kSlowestBytesPerSecond) - waited_;
}

bool HttpConnection::Fill(absl::Duration limit) {
  if (begin_ < end_) return true;
  while (true) {
    const ssize_t got = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got > 0) {
      begin_ = 0;
      end_ = static_cast<size_t>(got);
      return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return false;
    if (!Wait(POLLIN, limit)) return false;
  }
}

bool HttpConnection::WaitForRequest() {
  WaitsFromNow();
  const bool begun = Fill(limits_.idle);
  in_headers_ = true;
  PartBegins();
  return begun;
}

void HttpConnection::PartBegins() {
  moved_bytes_ = 0;
  waited_ = absl::ZeroDuration();
}

bool HttpConnection::IsOver() const {
  pollfd wait = {.fd = fd_, .events = POLLRDHUP, .revents = 0};
  return poll(&wait, 1, 0) > 0;
}

ssize_t HttpConnection::Read(char* data, size_t size) {
  if (in_headers_ && moved_bytes_ >= limits_.header_bytes) return -1;
  if (!Fill(PatienceLeft())) return -1;
  const size_t count = std::min(size, end_ - begin_);
  std::memcpy(data, buffer_.data() + begin_, count);
  begin_ += count;
  moved_bytes_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t HttpConnection::Write(const char* data, size_t size) {
  for (size_t sent = 0; sent < size;) {
    const ssize_t count = send(fd_, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<size_t>(count);
      moved_bytes_ += static_cast<uint64_t>(count);
    } else if (errno == EAGAIN) {
      if (!Wait(POLLOUT, PatienceLeft())) return -1;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

}  // namespace podwarp
