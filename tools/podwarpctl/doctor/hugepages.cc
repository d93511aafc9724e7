// Memory of large pages, which DPDK takes frames' buffers from.
#include <sstream>

#include "absl/strings/str_cat.h"
#include "doctor/checks.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

constexpr unsigned kPageMb = 2;  // podwarp looks for no other size

std::string MountPoint(const Machine& machine) {
  std::istringstream mounts(machine.Read("/proc/mounts").value_or(""));
  std::string device, point, type, rest;
  while (mounts >> device >> point >> type && std::getline(mounts, rest)) {
    if (type == "hugetlbfs") return point;
  }
  return "";
}

}  // namespace

void CheckHugepages(const Subject& subject, Findings* findings) {
  const std::string folder = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
  const int64_t total = subject.machine->ReadNumber(folder + "nr_hugepages").value_or(0);
  const int64_t free = subject.machine->ReadNumber(folder + "free_hugepages").value_or(0);
  if (total <= 0) {
    findings->Warn(
        "there are no hugepages of 2 MiB, so that podwarp takes ordinary ones, which is slower and "
        "hides it from dpdk-dumpcap: `echo 1024 > /proc/sys/vm/nr_hugepages` makes some");
    return;
  }
  const std::string point = MountPoint(*subject.machine);
  if (point.empty()) {
    findings->Warn(
        "hugepages are not mounted, so that podwarp takes ordinary ones: `mkdir -p /dev/hugepages "
        "&& mount -t hugetlbfs none /dev/hugepages`");
    return;
  }
  const unsigned wanted = subject.config.has_value() ? subject.config->hugepages_mb : 0;
  // What podwarp has taken isn't free.
  if (!subject.pid.has_value() && (free <= 0 || free * kPageMb < wanted)) {
    findings->Warn(absl::StrCat(
        "of ", Count(static_cast<uint64_t>(total), "hugepage"), " of 2 MiB ",
        Count(static_cast<uint64_t>(free)), " are free, and podwarp, which isn't running, wants ",
        wanted > 0 ? absl::StrCat(Count(wanted), " MB") : std::string("some"),
        ": make more by /proc/sys/vm/nr_hugepages, or end what has taken them"));
    return;
  }
  findings->Ok(absl::StrCat(Count(static_cast<uint64_t>(total)), " of 2 MiB, of which ",
                            Count(static_cast<uint64_t>(free)), " are free, mounted at ", point));
}

void CheckHugepagesOfNics(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    if (uplink.pci.empty()) continue;
    const int64_t node =
        subject.machine->ReadNumber(PciFolder(uplink.pci) + "/numa_node").value_or(-1);
    if (node < 0) continue;
    const std::string file = absl::StrCat("/sys/devices/system/node/node", node,
                                          "/hugepages/hugepages-2048kB/nr_hugepages");
    if (subject.machine->ReadNumber(file).value_or(1) > 0) continue;
    findings->Warn(absl::StrCat("NUMA node ", node, ", where uplink ", uplink.name,
                                " is plugged in, has no hugepages: `echo 1024 > ", file, "`"));
  }
}

}  // namespace podwarp::ctl
