// Entering another network namespace for the time of a few calls.
//
// A socket and a descriptor of /dev/net/tun belong for good to the namespace they were opened in,
// so nothing has to stay inside longer than it takes to open one. setns(2) is per thread: other
// threads notice nothing.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace podwarp {

// While it lives, the calling thread is in the namespace. It must end on the thread that made it,
// and scopes must nest.
class NetworkNamespaceScope {
 public:
  // `path` is /run/netns/NAME, /proc/PID/ns/net or the like; empty = stay where we are.
  // Errors: NotFound, PermissionDenied, InvalidArgument (not a network namespace), each with path.
  static absl::StatusOr<NetworkNamespaceScope> Enter(const std::string& path);

  NetworkNamespaceScope(NetworkNamespaceScope&& other) noexcept;
  NetworkNamespaceScope& operator=(NetworkNamespaceScope&&) = delete;
  // Goes back. CHECKs that it worked: a thread left in a pod's namespace would open everything
  // after this in the wrong place.
  ~NetworkNamespaceScope();

 private:
  explicit NetworkNamespaceScope(int home) : home_(home) {}

  int home_;  // descriptor of the namespace to go back to; -1 = nothing to undo
};

// Tells one namespace from another as long as either is in use (namespaces(7)).
struct NetworkNamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const NetworkNamespaceId&, const NetworkNamespaceId&) = default;
};
// Of the namespace that `path` leads to now; empty = the calling thread's. Errors: NotFound, and
// InvalidArgument if something else is there, such as the empty file under a namespace's mount.
absl::StatusOr<NetworkNamespaceId> NetworkNamespaceIdOf(const std::string& path);

// " in /run/netns/x", or nothing for the empty path: the tail of a message.
std::string InNamespace(const std::string& path);

// Sets /proc/sys/net/`name`, as the calling thread's namespace sees it; does nothing if the value
// already stands there, so that a read-only /proc/sys with right values will do. In a container
// /proc/sys is read-only: the machine's own may be mounted at /host/proc/sys/net.
// Errors: NotFound if there is no such setting, else Internal with name and value.
absl::Status WriteNetworkSysctl(const std::string& name, const std::string& value);

}  // namespace podwarp
