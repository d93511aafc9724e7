// NICs that podwarp takes by their PCI addresses.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/api_client.h"
#include "doctor/checks.h"
#include "text/fields.h"

namespace podwarp::ctl {
namespace {

// What a virtual function's own NIC allows it.
struct VirtualFunction {
  std::string nic;  // an interface of the kernel
  unsigned number = 0;
};

std::optional<VirtualFunction> FindVirtualFunction(const Machine& machine,
                                                   const std::string& address) {
  const std::string physical = PciFolder(address) + "/physfn";
  const std::vector<std::string> interfaces = machine.List(physical + "/net");
  if (interfaces.empty()) return std::nullopt;
  for (unsigned number = 0; machine.Exists(absl::StrCat(physical, "/virtfn", number)); ++number) {
    if (machine.LinkTarget(absl::StrCat(physical, "/virtfn", number)) == address) {
      return VirtualFunction{.nic = interfaces.front(), .number = number};
    }
  }
  return std::nullopt;
}

// ip-link's JSON has true and false, or "on" and "off".
std::optional<bool> Setting(const Json& function, std::string_view name) {
  const Json& value = Field(function, name);
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return value == "on";
  return std::nullopt;
}

Json SettingsOf(const Machine& machine, const VirtualFunction& function) {
  const std::optional<std::string> text =
      machine.Output({"ip", "-j", "link", "show", "dev", function.nic});
  const Json links = Json::parse(text.value_or(""), nullptr, /*allow_exceptions=*/false);
  if (!links.is_array() || links.empty()) return nullptr;
  for (const Json& settings : Field(links.front(), "vfinfo_list")) {
    if (Number(settings, "vf") == function.number) return settings;
  }
  return nullptr;
}

}  // namespace

std::string PciFolder(const std::string& address) {
  return absl::StrCat("/sys/bus/pci/devices/", address);
}

bool IsDpdkDriver(const std::string& driver) {
  // Those of Mellanox stay with the kernel and share the device with DPDK.
  static constexpr const char* kDrivers[] = {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx4_core",
                                             "mlx5_core"};
  return std::find(std::begin(kDrivers), std::end(kDrivers), driver) != std::end(kDrivers);
}

void CheckNicBinding(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    if (uplink.pci.empty()) continue;
    const std::string folder = PciFolder(uplink.pci);
    const std::string name = absl::StrCat("uplink ", uplink.name, ", ", uplink.pci, ", ");
    if (!subject.machine->Exists(folder)) {
      findings->Problem(absl::StrCat(name,
                                     "is not on this machine: `lspci -D` lists what there "
                                     "is"));
      continue;
    }
    const std::string driver = subject.machine->LinkTarget(folder + "/driver");
    if (IsDpdkDriver(driver)) {
      findings->Ok(absl::StrCat(name, "is bound to ", driver));
      continue;
    }
    const std::vector<std::string> interfaces = subject.machine->List(folder + "/net");
    const std::string lost = interfaces.empty()
                                 ? ""
                                 : absl::StrCat(" (", absl::StrJoin(interfaces, ", "),
                                                " is then lost to the kernel: don't do it by a "
                                                "connection that goes this way)");
    findings->Problem(absl::StrCat(name, "is bound to ", driver.empty() ? "no driver" : driver,
                                   ", which DPDK can't use: `dpdk-devbind.py -b vfio-pci ",
                                   uplink.pci, "`", lost));
  }
}

void CheckVirtualFunctions(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    if (uplink.pci.empty()) continue;
    const std::optional<VirtualFunction> function =
        FindVirtualFunction(*subject.machine, uplink.pci);
    if (!function.has_value()) continue;
    const Json settings = SettingsOf(*subject.machine, *function);
    const std::optional<bool> trusted = Setting(settings, "trust");
    const std::optional<bool> checked = Setting(settings, "spoofchk");
    const std::string name = absl::StrCat("uplink ", uplink.name, " is virtual function ",
                                          function->number, " of ", function->nic);
    const std::string command = absl::StrCat("`ip link set dev ", function->nic, " vf ",
                                             function->number, " trust on spoofchk off`");
    if (!trusted.has_value() || !checked.has_value()) {
      findings->Warn(absl::StrCat(name,
                                  ", which doesn't say whether it is trusted; podwarp's MAC "
                                  "is not the function's own, so do ",
                                  command));
    } else if (*trusted && !*checked) {
      findings->Ok(absl::StrCat(name, ", trusted and without a check of source MACs"));
    } else {
      findings->Problem(absl::StrCat(
          name, !*trusted ? ", which isn't trusted" : "",
          *checked ? (!*trusted ? " and has" : ", which has") : "",
          *checked ? " a check of source MACs" : "",
          ": frames with podwarp's MAC, which is not the function's own, are lost; do ", command));
    }
  }
}

}  // namespace podwarp::ctl
