#include "api/unix_listener.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "control/config_values.h"

namespace podwarp {
namespace {

constexpr int kBacklog = 64;

absl::Status SystemError(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// What stands at the path is nothing, or a socket that a dead process left behind.
absl::Status CheckFree(const std::string& path) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) return absl::OkStatus();
  if (!S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists and is no socket; remove it"));
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  close(fd);
  if (connected || error == EAGAIN) {
    return absl::AlreadyExistsError(absl::StrCat("another process listens on ", path));
  }
  if (error == ECONNREFUSED || error == ENOENT) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("can't tell whether anybody listens on ", path));
}

absl::StatusOr<gid_t> GroupNamed(const std::string& path, const std::string& name) {
  if (name.empty()) return getegid();
  const group* found = getgrnam(name.c_str());
  if (found != nullptr) return found->gr_gid;
  return absl::NotFoundError(absl::StrCat(path, ": there is no group '", name, "'"));
}

// Binds in the folder, which only podwarp may enter. By way of the descriptor, since a path in it
// might be longer than what fits into sockaddr_un.
absl::Status BindInside(int folder, int fd, mode_t mode, gid_t group) {
  const sockaddr_un address = AddressOf(absl::StrCat("/proc/self/fd/", folder, "/s"));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return SystemError("can't make the socket");
  }
  if (group != getegid() && fchownat(folder, "s", static_cast<uid_t>(-1), group, 0) != 0) {
    return SystemError("can't give the socket to its group");
  }
  if (fchmodat(folder, "s", mode, 0) != 0) return SystemError("can't set the socket's rights");
  if (listen(fd, kBacklog) != 0) return SystemError("can't listen");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(const std::string& path,
                                                                 mode_t mode,
                                                                 const std::string& group) {
  if (const absl::StatusOr<std::string> fits = ParseSocketPath(path); !fits.ok()) {
    return fits.status();
  }
  const absl::StatusOr<gid_t> gid = GroupNamed(path, group);
  if (!gid.ok()) return gid.status();
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("can't make the folder of ", path));
  }
  if (absl::Status status = CheckFree(path); !status.ok()) return status;

  std::string name = parent / ".podwarp-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {  // with the rights 0700
    return SystemError(absl::StrCat("can't make a folder beside ", path));
  }
  const auto remove_folder = absl::MakeCleanup([&] {
    unlink((name + "/s").c_str());
    rmdir(name.c_str());
  });
  const int folder = open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return SystemError(absl::StrCat("can't open ", name));
  const auto close_folder = absl::MakeCleanup([&] { close(folder); });

  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError(absl::StrCat("can't make a socket for ", path));
  absl::Status status = BindInside(folder, fd, mode, *gid);
  struct stat file = {};
  if (status.ok() && fstatat(folder, "s", &file, 0) != 0) status = SystemError("can't see it");
  if (status.ok() && renameat(folder, "s", AT_FDCWD, path.c_str()) != 0) {
    status = SystemError("can't put the socket in its place");
  }
  if (!status.ok()) {
    close(fd);
    return absl::Status(status.code(), absl::StrCat(path, ": ", std::string(status.message())));
  }
  return std::unique_ptr<UnixListener>(new UnixListener(path, fd, file));
}

UnixListener::~UnixListener() {
  struct stat file;
  if (lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) {
    unlink(path_.c_str());
  }
  close(fd_);
}

}  // namespace podwarp
