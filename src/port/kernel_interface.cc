#include "port/kernel_interface.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "platform/network_namespace.h"

namespace podwarp {

std::optional<KernelInterface> FindKernelInterface(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  ifreq request = {};
  name.copy(request.ifr_name, name.size());
  std::optional<KernelInterface> found;
  if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
    found.emplace();
    found->up = (request.ifr_flags & IFF_UP) != 0;
    found->running = (request.ifr_flags & IFF_RUNNING) != 0;
    if (ioctl(fd, SIOCGIFMTU, &request) == 0) {
      found->mtu_bytes = static_cast<uint32_t>(request.ifr_mtu);
    }
  }
  close(fd);
  return found;
}

absl::Status KeepKernelFromAnsweringArp(const std::string& name) {
  return WriteNetworkSysctl(absl::StrCat("ipv4/conf/", name, "/arp_ignore"), "8");
}

}  // namespace podwarp
