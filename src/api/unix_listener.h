// A Unix socket that connections are accepted from.
//
// Source: unix(7).
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/listener.h"

namespace podwarp {

class UnixListener final : public Listener {
 public:
  // The socket has its rights and its group before anybody can reach it by `path`. One that a dead
  // process left behind is replaced. An empty group is the process's own. Errors, each a sentence
  // with the path: AlreadyExists (somebody listens there, or the file is no socket), NotFound
  // (there is no such group), PermissionDenied and others.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Open(const std::string& path, mode_t mode,
                                                            const std::string& group);
  // Removes the socket, unless another has taken its place.
  ~UnixListener() override;

  int fd() const override { return fd_; }

 private:
  UnixListener(std::string path, int fd, const struct stat& file)
      : path_(std::move(path)), fd_(fd), device_(file.st_dev), inode_(file.st_ino) {}

  const std::string path_;
  const int fd_;
  const dev_t device_;
  const ino_t inode_;
};

}  // namespace podwarp
