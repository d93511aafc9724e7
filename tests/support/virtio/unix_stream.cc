#include "support/virtio/unix_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace podwarp::test {
namespace {

constexpr size_t kMaxDescriptors = 64;

absl::StatusOr<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no path of a Unix socket"));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

FileDescriptor NewSocket() {
  return FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

absl::Status Error(const std::string& name, const char* what, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat(name, ": ", what));
}

// Until `fd` is ready for `events` or has hung up.
absl::Status WaitFor(int fd, short events, absl::Time deadline, const std::string& name,
                     const char* what) {
  for (;;) {
    const absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    // Rounded up, so that the last wait isn't a spin.
    const auto milliseconds = static_cast<int>(absl::ToInt64Milliseconds(left)) + 1;
    const int ready = poll(&entry, 1, milliseconds);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Error(name, "poll", errno);
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(name, ": ", what));
    }
  }
}

absl::Status Closed(const std::string& name) {
  return absl::UnavailableError(absl::StrCat(name, ": the other side closed the connection"));
}

}  // namespace

absl::StatusOr<UnixStream> UnixStream::Connect(const std::string& path, absl::Duration timeout) {
  const absl::StatusOr<sockaddr_un> address = Address(path);
  if (!address.ok()) return address.status();
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    FileDescriptor socket = NewSocket();
    if (!socket) return Error(path, "socket", errno);
    const auto* plain = reinterpret_cast<const sockaddr*>(&*address);
    if (connect(socket.get(), plain, sizeof(*address)) == 0) {
      return UnixStream(std::move(socket), path);
    }
    // EAGAIN: the listener's queue is full.
    if (errno != ENOENT && errno != ECONNREFUSED && errno != EAGAIN) {
      return Error(path, "connect", errno);
    }
    if (absl::Now() >= deadline) {
      return absl::UnavailableError(absl::StrCat(path, ": nobody listens: ", strerror(errno)));
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
}

absl::Status UnixStream::Send(std::span<const uint8_t> bytes, std::span<const int> descriptors,
                              absl::Duration timeout) {
  if (descriptors.size() > kMaxDescriptors) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": too many descriptors"));
  }
  const absl::Time deadline = absl::Now() + timeout;
  while (!bytes.empty()) {
    iovec part{.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
      std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    const ssize_t sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
      descriptors = {};
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return Closed(name_);
    } else if (errno == EAGAIN) {
      const absl::Status ready =
          WaitFor(socket_.get(), POLLOUT, deadline, name_, "the other side doesn't read");
      if (!ready.ok()) return ready;
    } else if (errno != EINTR) {
      return Error(name_, "sendmsg", errno);
    }
  }
  return absl::OkStatus();
}

absl::Status UnixStream::Receive(std::span<uint8_t> bytes, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!bytes.empty()) {
    const ssize_t received = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (received > 0) {
      bytes = bytes.subspan(static_cast<size_t>(received));
    } else if (received == 0 || errno == ECONNRESET) {
      return Closed(name_);
    } else if (errno == EAGAIN) {
      const absl::Status ready = WaitFor(socket_.get(), POLLIN, deadline, name_, "no answer");
      if (!ready.ok()) return ready;
    } else if (errno != EINTR) {
      return Error(name_, "recv", errno);
    }
  }
  return absl::OkStatus();
}

bool UnixStream::WaitForHangUp(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    uint8_t dropped;
    const absl::Status status = Receive({&dropped, 1}, deadline - absl::Now());
    if (!status.ok()) return absl::IsUnavailable(status);
  }
}

absl::StatusOr<UnixListener> UnixListener::Listen(const std::string& path) {
  const absl::StatusOr<sockaddr_un> address = Address(path);
  if (!address.ok()) return address.status();
  FileDescriptor socket = NewSocket();
  if (!socket) return Error(path, "socket", errno);
  const auto* plain = reinterpret_cast<const sockaddr*>(&*address);
  if (bind(socket.get(), plain, sizeof(*address)) != 0) return Error(path, "bind", errno);
  UnixListener listener(std::move(socket), path);
  if (listen(listener.socket_.get(), 8) != 0) return Error(path, "listen", errno);
  return listener;
}

UnixListener::~UnixListener() {
  if (socket_) unlink(path_.c_str());
}

absl::StatusOr<UnixStream> UnixListener::Accept(absl::Duration timeout) {
  const absl::Status ready =
      WaitFor(socket_.get(), POLLIN, absl::Now() + timeout, path_, "nobody connects");
  if (!ready.ok()) return ready;
  FileDescriptor connection(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connection) return Error(path_, "accept", errno);
  return UnixStream(std::move(connection), path_);
}

}  // namespace podwarp::test
