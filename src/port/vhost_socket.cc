#include "port/vhost_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

// A socket of our own, to try things with.
class Probe {
 public:
  explicit Probe(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    address_.sun_family = AF_UNIX;
    path.copy(address_.sun_path, sizeof(address_.sun_path) - 1);
  }
  ~Probe() { close(fd_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // 0 or the error.
  int Connect() { return connect(fd_, address(), sizeof(address_)) == 0 ? 0 : errno; }
  int Bind() { return bind(fd_, address(), sizeof(address_)) == 0 ? 0 : errno; }

 private:
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }

  const int fd_;
  sockaddr_un address_ = {};
};

absl::Status RemoveStale(const std::string& path) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) return absl::OkStatus();
  if (!S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists and is no socket; remove it"));
  }
  const int error = Probe(path).Connect();
  if (error == 0 || error == EAGAIN) {
    return absl::AlreadyExistsError(absl::StrCat("another process listens on ", path));
  }
  if (error != ECONNREFUSED) {
    return absl::ErrnoToStatus(error, absl::StrCat("can't tell whether anybody listens on ", path));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't remove ", path, ", which nobody uses"));
  }
  return absl::OkStatus();
}

// Whether this end, or the other, of the descriptor's connection is a socket with this path.
bool IsBoundTo(int fd, int (*name_of)(int, sockaddr*, socklen_t*), const std::string& path) {
  sockaddr_un address = {};
  socklen_t length = sizeof(address) - 1;
  return name_of(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
         address.sun_family == AF_UNIX && path == address.sun_path;
}

}  // namespace

std::optional<FileIdentity> IdentityOf(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return std::nullopt;
  return FileIdentity{.device = file.st_dev, .inode = file.st_ino, .changed = file.st_ctim};
}

absl::Status MakeWayForServer(const VhostSocketSettings& settings) {
  const std::filesystem::path path(settings.path);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("can't make the folder of ", settings.path));
  }
  if (absl::Status status = RemoveStale(settings.path); !status.ok()) return status;
  // librte_vhost doesn't say why it can't bind, and closes a descriptor twice then.
  if (const int bind_error = Probe(settings.path).Bind(); bind_error != 0) {
    return absl::ErrnoToStatus(bind_error, absl::StrCat("can't make the socket ", settings.path));
  }
  unlink(settings.path.c_str());
  return absl::OkStatus();
}

absl::Status SetSocketRights(const VhostSocketSettings& settings) {
  if (!settings.group.empty()) {
    const group* found = getgrnam(settings.group.c_str());
    if (found == nullptr) {
      return absl::NotFoundError(
          absl::StrCat(settings.path, ": there is no group '", settings.group, "'"));
    }
    if (chown(settings.path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("can't give ", settings.path, " to group ", settings.group));
    }
  }
  if (settings.mode.has_value() && chmod(settings.path.c_str(), *settings.mode) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't set the rights of ", settings.path));
  }
  return absl::OkStatus();
}

void LimitWaiting(const std::string& path) {
  constexpr timeval kLimit = {.tv_sec = 0, .tv_usec = 100'000};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    int fd;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &fd)) continue;
    if (!IsBoundTo(fd, getsockname, path) && !IsBoundTo(fd, getpeername, path)) continue;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kLimit, sizeof(kLimit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kLimit, sizeof(kLimit));
  }
}

std::string WhyNotConnected(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) {
    return errno == ENOENT || errno == ENOTDIR
               ? absl::StrCat("there is no socket ", path, ": its listener has not made it")
               : absl::StrCat("can't reach ", path, ": ", std::strerror(errno));
  }
  if (!S_ISSOCK(file.st_mode)) return absl::StrCat(path, " is no socket");
  if (access(path.c_str(), W_OK) != 0) {
    return absl::StrCat("podwarp may not connect to ", path, ": ", std::strerror(errno));
  }
  return absl::StrCat("nobody listens on ", path);
}

}  // namespace podwarp
