// What podwarp asks the kernel about an interface that a DPDK device borrows from it
// (netdevice(7)). The interface's name counts in the network namespace of the calling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace podwarp {

struct KernelInterface {
  bool up = false;       // IFF_UP: switched on
  bool running = false;  // IFF_RUNNING: has a carrier
  uint32_t mtu_bytes = 0;
};

// Nothing if no interface has this name.
std::optional<KernelInterface> FindKernelInterface(const std::string& name);

// From now on the kernel leaves ARP requests that come in by this interface unanswered (arp_ignore
// in ip-sysctl). Otherwise it gives its own MAC for every address that it has, those of the host
// port among them, and the peers of podwarp believe now the one and now the other.
absl::Status KeepKernelFromAnsweringArp(const std::string& name);

}  // namespace podwarp
