// How a DPDK device comes into the process and leaves it, while the process runs.
//
// A PCI device is found by its address, a virtual one by the name before the first comma of its
// vdev string. One that EAL probed at its start (-a, --vdev) is taken as it is; any other is probed
// now. For PCI that needs an EAL that was not started with --no-pci; with an allow list (-a) a
// device outside of it can still be added here, for the request itself puts it on the list.
//
// Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace podwarp {

struct DeviceName {
  // Exactly one of these two is set.
  std::string pci_address;  // 0000:3b:00.0, or without the domain
  std::string vdev;         // net_af_packet0,iface=eth1
};

// What a vdev string says: "net_af_packet0,iface=eth1".
struct Vdev {
  std::string name;       // net_af_packet0
  std::string arguments;  // iface=eth1
  // The kernel's interface that the device borrows; empty if none. net_tap and net_virtio_user
  // also know `iface`, but make the interface themselves.
  std::string interface;
};
Vdev ParseVdev(const std::string& vdev);

// The same, with what net_af_packet needs and wasn't given: slots of the frame size that
// `mtu_bytes` asks for (its own of 2048 bytes hold a header of 66, and nothing tells that a frame
// was cut), and a ring of 8 MiB of them.
Vdev ParseVdevForMtu(const std::string& vdev, uint16_t mtu_bytes);

// Returns the number of the ethdev port, neither configured nor started, and marks it as taken.
// Errors, each one sentence with the command that helps: InvalidArgument (no such form, or one that
// would block), NotFound (no such device, interface or driver), FailedPrecondition (bound to
// another driver), AlreadyExists (taken), ResourceExhausted (RTE_MAX_ETHPORTS), Unavailable (the
// driver refuses).
absl::StatusOr<uint16_t> AttachDevice(const DeviceName& device, uint16_t mtu_bytes);

// Closes the port and takes its device out of the process. REQUIRES: from AttachDevice, stopped.
void DetachDevice(uint16_t port_id);

// Why DPDK doesn't take the PCI device, from what sysfs says about it; OK if it says nothing
// against.
absl::Status CheckPciBinding(const std::string& address, const std::string& sysfs = "/sys");

}  // namespace podwarp
