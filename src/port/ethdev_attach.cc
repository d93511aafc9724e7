#include "port/ethdev_attach.h"

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_pci.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <bitset>
#include <filesystem>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "port/kernel_interface.h"

namespace podwarp {
namespace {

// The ports that this process uses. DPDK's own register of owners would do, but hides owned ports
// from dpdk-dumpcap. Only the control thread comes here.
std::bitset<RTE_MAX_ETHPORTS> taken_ports;

std::optional<uint16_t> FindPort(const std::string& device_name) {
  // RTE_ETH_FOREACH_DEV with its types kept apart. Ports that belong to another device, as members
  // of a bond do, are not ours to use.
  const auto next = [](uint64_t from) {
    return rte_eth_find_next_owned_by(static_cast<uint16_t>(from), RTE_ETH_DEV_NO_OWNER);
  };
  for (uint64_t id = next(0); id < RTE_MAX_ETHPORTS; id = next(id + 1)) {
    const auto port_id = static_cast<uint16_t>(id);
    rte_eth_dev_info info;
    if (rte_eth_dev_info_get(port_id, &info) == 0 && device_name == rte_dev_name(info.device)) {
      return port_id;
    }
  }
  return std::nullopt;
}

bool NamesDriver(const std::string& name, absl::string_view driver) {
  // "eth_pcap0" is the older form of "net_pcap0".
  return name.rfind(absl::StrCat("net_", driver), 0) == 0 ||
         name.rfind(absl::StrCat("eth_", driver), 0) == 0;
}

absl::Status VdevError(const Vdev& vdev, int error) {
  if (error == -EFAULT) {
    return absl::NotFoundError(absl::StrCat("DPDK has no driver for \"", vdev.name,
                                            "\": a vdev is named after its driver and a number, as "
                                            "net_af_packet0; `ls " RTE_EAL_PMD_PATH
                                            "` shows the drivers installed"));
  }
  // Many drivers say -1 for whatever went wrong, which reads as a lack of rights.
  const std::string reason = error == -1 ? "" : absl::StrCat(" (", rte_strerror(-error), ")");
  return absl::UnavailableError(absl::StrCat(
      vdev.name, ": the driver refuses \"", vdev.arguments, "\"", reason, "; DPDK's log says why",
      vdev.interface.empty() ? "" : ", and interfaces need CAP_NET_RAW and CAP_NET_ADMIN"));
}

absl::StatusOr<std::string> PciName(const std::string& address) {
  rte_pci_addr parsed;
  if (rte_pci_addr_parse(address.c_str(), &parsed) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is no PCI address: `lspci -D` shows them as 0000:3b:00.0"));
  }
  char name[PCI_PRI_STR_SIZE];
  rte_pci_device_name(&parsed, name, sizeof(name));
  return std::string(name);
}

absl::Status ProbePci(const std::string& address) {
  const int error = rte_eal_hotplug_add("pci", address.c_str(), "");
  if (error == 0 || error == -EEXIST) return absl::OkStatus();
  if (absl::Status status = CheckPciBinding(address); !status.ok()) return status;
  if (rte_eal_has_pci() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        address,
        ": podwarp was started without PCI devices, and can add one only after a restart"));
  }
  return absl::UnavailableError(
      absl::StrCat(address, ": no driver of DPDK takes it (", rte_strerror(-error),
                   "): `dpdk-devbind.py --status` shows how it is bound, DPDK's log why"));
}

absl::Status ProbeVdev(const Vdev& vdev) {
  if (!vdev.interface.empty() && !FindKernelInterface(vdev.interface)) {
    return absl::NotFoundError(absl::StrCat(vdev.name, ": there is no interface \"", vdev.interface,
                                            "\": `ip link show` lists what there is"));
  }
  if (NamesDriver(vdev.name, "virtio_user") &&
      vdev.arguments.find("server=1") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        vdev.name,
        ": with server=1 its driver would hold up all of podwarp until the peer connects: "
        "let the peer listen, and leave server=1 out"));
  }
  const int error = rte_eal_hotplug_add("vdev", vdev.name.c_str(), vdev.arguments.c_str());
  return error == 0 ? absl::OkStatus() : VdevError(vdev, error);
}

}  // namespace

Vdev ParseVdev(const std::string& vdev) {
  Vdev result;
  const size_t comma = vdev.find(',');
  result.name = vdev.substr(0, comma);
  if (comma != std::string::npos) result.arguments = vdev.substr(comma + 1);
  if (NamesDriver(result.name, "af_packet") || NamesDriver(result.name, "af_xdp") ||
      NamesDriver(result.name, "pcap")) {
    for (absl::string_view argument : absl::StrSplit(result.arguments, ',')) {
      const auto equals = argument.find('=');
      if (equals != absl::string_view::npos && argument.substr(0, equals) == "iface") {
        result.interface = std::string(argument.substr(equals + 1));
      }
    }
  }
  return result;
}

Vdev ParseVdevForMtu(const std::string& vdev, uint16_t mtu_bytes) {
  Vdev result = ParseVdev(vdev);
  constexpr uint32_t kDefaultSlotBytes = 2048;
  constexpr uint32_t kSlotHeaderBytes = 80;  // tpacket2_hdr and sockaddr_ll, aligned: packet(7)
  constexpr uint32_t kTaggedHeaderBytes = 18;
  const uint32_t slot_bytes = (mtu_bytes + kTaggedHeaderBytes + kSlotHeaderBytes + 15u) & ~15u;
  // A ring of 8 MiB: the driver's own 512 slots lose frames when one 64 KiB segment after another
  // is cut into them.
  constexpr uint32_t kRingBytes = 8 << 20;
  const auto add_unless_given = [&](const char* key, uint32_t value) {
    if (absl::StrContains(result.arguments, key)) return;
    absl::StrAppend(&result.arguments, ",", key, value);
  };
  if (!NamesDriver(result.name, "af_packet")) return result;
  if (slot_bytes <= kDefaultSlotBytes) {
    if (!absl::StrContains(result.arguments, "framesz=")) {
      add_unless_given("framecnt=", kRingBytes / kDefaultSlotBytes);
    }
  } else if (!absl::StrContains(result.arguments, "framesz=")) {
    const uint32_t page_bytes = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
    const uint32_t block_bytes = std::max(page_bytes, std::bit_ceil(slot_bytes));
    add_unless_given("framesz=", slot_bytes);
    add_unless_given("blocksz=", block_bytes);
    add_unless_given("framecnt=", kRingBytes / block_bytes);
  }
  return result;
}

absl::StatusOr<uint16_t> AttachDevice(const DeviceName& device, uint16_t mtu_bytes) {
  const bool pci = !device.pci_address.empty();
  const Vdev vdev = ParseVdevForMtu(device.vdev, mtu_bytes);
  absl::StatusOr<std::string> name = pci ? PciName(device.pci_address) : vdev.name;
  if (!name.ok()) return name.status();
  if (name->empty() || (pci && !device.vdev.empty())) {
    return absl::InvalidArgumentError("a device needs a PCI address or a vdev string, one of them");
  }

  std::optional<uint16_t> port_id = FindPort(*name);
  if (!port_id) {
    if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS) {
      return absl::ResourceExhaustedError(
          absl::StrCat(*name, ": this DPDK is built for ", RTE_MAX_ETHPORTS,
                       " devices, and all are in use: give pods tap or vhost-user ports, or build "
                       "DPDK with -Dmax_ethports=256"));
    }
    absl::Status status = pci ? ProbePci(*name) : ProbeVdev(vdev);
    if (!status.ok()) return status;
    port_id = FindPort(*name);
    if (!port_id) return absl::UnavailableError(absl::StrCat(*name, " is not a network device"));
  }
  if (taken_ports.test(*port_id)) {
    return absl::AlreadyExistsError(absl::StrCat(*name, " is in use by another port"));
  }
  taken_ports.set(*port_id);
  return *port_id;
}

void DetachDevice(uint16_t port_id) {
  rte_eth_dev_info info = {};
  rte_device* device = rte_eth_dev_info_get(port_id, &info) == 0 ? info.device : nullptr;
  rte_eth_dev_close(port_id);
  if (device != nullptr) rte_dev_remove(device);
  taken_ports.reset(port_id);
}

absl::Status CheckPciBinding(const std::string& address, const std::string& sysfs) {
  std::error_code error;
  const std::filesystem::path device = std::filesystem::path(sysfs) / "bus/pci/devices" / address;
  if (!std::filesystem::exists(device, error)) {
    return absl::NotFoundError(absl::StrCat("no PCI device ", address,
                                            " on this machine: `lspci -D` lists what there is"));
  }
  const std::string driver =
      std::filesystem::read_symlink(device / "driver", error).filename().string();
  // The Mellanox drivers stay with the kernel and share the device with DPDK.
  for (absl::string_view good :
       {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx4_core", "mlx5_core"}) {
    if (driver == good) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(address, " is bound to ",
                                                    driver.empty() ? "no driver" : driver,
                                                    ": dpdk-devbind.py -b vfio-pci ", address));
}

}  // namespace podwarp
