#include "port/vhost_doorbell.h"

#include <rte_vhost.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace podwarp {

void RingVhostDoorbell() {
  static constexpr rte_vhost_device_ops kNothing = {};
  const std::string path = absl::StrCat("/tmp/podwarp-doorbell-", getpid());
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(path.c_str());
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(listener, 1) == 0 &&
      rte_vhost_driver_register(path.c_str(),
                                RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT) == 0) {
    if (rte_vhost_driver_callback_register(path.c_str(), &kNothing) == 0) {
      rte_vhost_driver_start(path.c_str());
    }
    // Before it is unregistered: librte_vhost's thread may have begun to read from it, misled by
    // what it heard of a connection that had the same place before, and unregistering waits for it.
    close(listener);
    rte_vhost_driver_unregister(path.c_str());
  } else {
    close(listener);
  }
  unlink(path.c_str());
}

}  // namespace podwarp
