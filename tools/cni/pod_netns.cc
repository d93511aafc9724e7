#include "pod_netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bit>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "descriptor.h"

namespace podwarp::cni {
namespace {

// The process is in the namespace as long as this lives. It has one thread.
class InNamespace {
 public:
  explicit InNamespace(const std::string& path)
      : before_(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    const Descriptor there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (before_.get() < 0) throw IoError("/proc/self/ns/net");
    if (there.get() >= 0 && setns(there.get(), CLONE_NEWNET) == 0) return;
    if (errno == EPERM) throw IoError(path);
    throw CniError(kUnknownContainer, "unknown container",
                   "CNI_NETNS: " + path + ": " +
                       (errno == EINVAL ? "is no network namespace" : std::strerror(errno)));
  }
  ~InNamespace() { setns(before_.get(), CLONE_NEWNET); }
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  const Descriptor before_;
};

void Add(const ifaddrs& entry, PodInterface* interface) {
  if (entry.ifa_addr == nullptr) return;
  if (entry.ifa_addr->sa_family == AF_PACKET) {
    const auto* link = reinterpret_cast<const sockaddr_ll*>(entry.ifa_addr);
    const unsigned char* mac = link->sll_addr;
    char text[18];
    std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                  mac[3], mac[4], mac[5]);
    interface->mac = text;
  } else if (entry.ifa_addr->sa_family == AF_INET && entry.ifa_netmask != nullptr) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr);
    const auto* mask = reinterpret_cast<const sockaddr_in*>(entry.ifa_netmask);
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    interface->addresses.insert(std::string(text) + "/" +
                                std::to_string(std::popcount(mask->sin_addr.s_addr)));
  }
}

// proc(5), /proc/net/route: interface, destination and mask, in hexadecimal.
bool HasDefaultRoute(const std::string& interface) {
  std::ifstream table("/proc/thread-self/net/route");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string name, destination, gateway, flags, references, use, metric, mask;
    words >> name >> destination >> gateway >> flags >> references >> use >> metric >> mask;
    if (name == interface && destination == "00000000" && mask == "00000000") return true;
  }
  return false;
}

// ethtool(8) -i: the driver of taps is called tun.
bool IsTap(const std::string& interface) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo driver = {};
  driver.cmd = ETHTOOL_GDRVINFO;
  ifreq request = {};
  interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_data = reinterpret_cast<char*>(&driver);
  return ioctl(any.get(), SIOCETHTOOL, &request) == 0 && std::strcmp(driver.driver, "tun") == 0;
}

// rtnetlink(7), RTM_DELLINK. Returns an error's number, or 0.
int DeleteLink(unsigned index) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_DELLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = static_cast<int>(index);
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer = {};
  const Descriptor kernel(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (send(kernel.get(), &request, sizeof(request), 0) < 0 ||
      recv(kernel.get(), &answer, sizeof(answer), 0) < 0) {
    return errno;
  }
  return -answer.error.error;
}

}  // namespace

void DeleteTap(const std::string& netns, const std::string& interface) {
  const InNamespace there(netns);
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0 || !IsTap(interface)) return;
  errno = DeleteLink(index);
  if (errno != 0 && errno != ENODEV) throw IoError(netns + ": delete " + interface);
}

std::optional<PodInterface> FindInterface(const std::string& netns, const std::string& interface) {
  const InNamespace there(netns);
  if (if_nametoindex(interface.c_str()) == 0) return std::nullopt;
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) throw IoError(netns + ": " + interface);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> entries(raw, freeifaddrs);
  PodInterface found;
  for (const ifaddrs* entry = raw; entry != nullptr; entry = entry->ifa_next) {
    if (interface == entry->ifa_name) Add(*entry, &found);
  }
  found.has_default_route = HasDefaultRoute(interface);
  return found;
}

}  // namespace podwarp::cni
