// A byte stream over a Unix socket that carries file descriptors too. Nothing on it waits forever.
//
// Errors name the socket: DeadlineExceeded, Unavailable (nobody listens, or the other side closed
// the connection), or what the kernel says.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "support/virtio/file_descriptor.h"

namespace podwarp::test {

class UnixStream {
 public:
  // Tries until `timeout` while there is no such socket, or nobody listens on it.
  static absl::StatusOr<UnixStream> Connect(const std::string& path, absl::Duration timeout);
  UnixStream(FileDescriptor socket, std::string name)
      : socket_(std::move(socket)), name_(std::move(name)) {}

  // `descriptors` go with the first byte; the caller keeps his.
  absl::Status Send(std::span<const uint8_t> bytes, std::span<const int> descriptors,
                    absl::Duration timeout);
  // Fills `bytes` wholly.
  absl::Status Receive(std::span<uint8_t> bytes, absl::Duration timeout);
  // True as soon as the other side has closed the connection. What it sent before is dropped.
  bool WaitForHangUp(absl::Duration timeout);

  const std::string& name() const { return name_; }

 private:
  FileDescriptor socket_;
  std::string name_;
};

class UnixListener {
 public:
  // REQUIRES: nothing stands at `path`. The socket is removed with the listener.
  static absl::StatusOr<UnixListener> Listen(const std::string& path);
  UnixListener(UnixListener&&) = default;
  UnixListener& operator=(UnixListener&&) = default;
  ~UnixListener();

  absl::StatusOr<UnixStream> Accept(absl::Duration timeout);

 private:
  UnixListener(FileDescriptor socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  FileDescriptor socket_;
  std::string path_;
};

}  // namespace podwarp::test
