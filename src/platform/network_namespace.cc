#include "platform/network_namespace.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace podwarp {
namespace {

constexpr char kOwnNamespace[] = "/proc/thread-self/ns/net";

absl::Status EnterError(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(absl::StrCat("network namespace ", path, " does not exist"));
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(absl::StrCat(
          "network namespace ", path, ": no permission to enter it; this needs CAP_SYS_ADMIN"));
    case EINVAL:
      return absl::InvalidArgumentError(absl::StrCat(path, " is not a network namespace"));
    default:
      return absl::InternalError(
          absl::StrCat("network namespace ", path, " can't be entered: ", std::strerror(error)));
  }
}

}  // namespace

absl::StatusOr<NetworkNamespaceScope> NetworkNamespaceScope::Enter(const std::string& path) {
  if (path.empty()) return NetworkNamespaceScope(-1);
  const int target = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (target < 0) return EnterError(path, errno);
  const int home = open(kOwnNamespace, O_RDONLY | O_CLOEXEC);
  if (home < 0) {
    const int error = errno;
    close(target);
    return EnterError(kOwnNamespace, error);
  }
  const int entered = setns(target, CLONE_NEWNET);
  const int error = errno;
  close(target);
  if (entered != 0) {
    close(home);
    return EnterError(path, error);
  }
  return NetworkNamespaceScope(home);
}

NetworkNamespaceScope::NetworkNamespaceScope(NetworkNamespaceScope&& other) noexcept
    : home_(std::exchange(other.home_, -1)) {}

NetworkNamespaceScope::~NetworkNamespaceScope() {
  if (home_ < 0) return;
  PCHECK(setns(home_, CLONE_NEWNET) == 0) << "can't go back to podwarp's own network namespace";
  close(home_);
}

absl::StatusOr<NetworkNamespaceId> NetworkNamespaceIdOf(const std::string& path) {
  const char* file = path.empty() ? kOwnNamespace : path.c_str();
  struct stat status;
  struct statfs filesystem;
  if (stat(file, &status) != 0 || statfs(file, &filesystem) != 0) return EnterError(file, errno);
  if (filesystem.f_type != NSFS_MAGIC) return EnterError(file, EINVAL);
  return NetworkNamespaceId{.device = status.st_dev, .inode = status.st_ino};
}

std::string InNamespace(const std::string& path) {
  return path.empty() ? "" : absl::StrCat(" in ", path);
}

absl::Status WriteNetworkSysctl(const std::string& name, const std::string& value) {
  // What /proc/sys/net shows depends on the namespace of the thread that opens it.
  const std::string path = absl::StrCat("/proc/sys/net/", name);
  char present[64];
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0 && errno == ENOENT) {
    return absl::NotFoundError(absl::StrCat(path, " does not exist"));
  }
  if (reader >= 0) {
    const ssize_t length = read(reader, present, sizeof(present));
    close(reader);
    if (length > 0) {
      absl::string_view text(present, static_cast<size_t>(length));
      if (absl::StripSuffix(text, "\n") == absl::string_view(value)) return absl::OkStatus();
    }
  }
  int writer = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (writer < 0 && errno == EROFS) {
    writer = open(absl::StrCat("/host", path).c_str(), O_WRONLY | O_CLOEXEC);
    if (writer < 0) errno = EROFS;
  }
  const bool written = writer >= 0 && write(writer, value.data(), value.size()) >= 0;
  const int error = errno;
  if (writer >= 0) close(writer);
  if (written) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("can't set ", path, " to ", value, ": ", std::strerror(error)));
}

}  // namespace podwarp
