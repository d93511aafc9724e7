// What binding a NIC to vfio-pci takes.
#include "absl/strings/str_cat.h"
#include "doctor/checks.h"

namespace podwarp::ctl {
namespace {

// Whether there are NICs that need vfio: those that share their device with the kernel, and those
// on uio, don't.
bool NeedsVfio(const Subject& subject) {
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    if (uplink.pci.empty()) continue;
    const std::string driver = subject.machine->LinkTarget(PciFolder(uplink.pci) + "/driver");
    if (driver == "vfio-pci" || !IsDpdkDriver(driver)) return true;
  }
  return false;
}

// Without a configuration nobody knows whether it matters.
void Report(const Subject& subject, std::string sentence, Findings* findings) {
  if (subject.config.has_value()) {
    findings->Problem(std::move(sentence));
  } else {
    findings->Warn(absl::StrCat(sentence, "; of no account without a NIC by PCI address"));
  }
}

}  // namespace

void CheckIommu(const Subject& subject, Findings* findings) {
  if (subject.config.has_value() && !NeedsVfio(subject)) return;
  if (!subject.machine->List("/sys/kernel/iommu_groups").empty()) {
    findings->Ok("the IOMMU is on");
    return;
  }
  const char kSwitch[] = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
  if (subject.machine->Read(kSwitch).value_or("") == "Y") {
    findings->Warn(
        "the IOMMU is off, and vfio works without it: a NIC may write to any memory of the "
        "machine");
    return;
  }
  Report(subject,
         absl::StrCat("the IOMMU is off, which vfio-pci needs: switch it on in the firmware and "
                      "start the kernel with `intel_iommu=on iommu=pt`, or, in a virtual machine "
                      "that has none, `echo 1 > ",
                      kSwitch, "`"),
         findings);
}

void CheckVfio(const Subject& subject, Findings* findings) {
  if (subject.config.has_value() && !NeedsVfio(subject)) return;
  if (subject.machine->Exists("/sys/bus/pci/drivers/vfio-pci")) {
    findings->Ok("vfio-pci is loaded");
    return;
  }
  Report(subject,
         "vfio-pci is not loaded: `modprobe vfio-pci`, and a line `vfio-pci` in "
         "/etc/modules-load.d/podwarp.conf to have it after a restart",
         findings);
}

}  // namespace podwarp::ctl
