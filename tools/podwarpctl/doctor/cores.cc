// The cores that do nothing but forward.
#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "doctor/checks.h"

namespace podwarp::ctl {
namespace {

constexpr char kCpus[] = "/sys/devices/system/cpu/";

std::vector<unsigned> CoresIn(const Subject& subject, const std::string& file) {
  return ParseCoreList(subject.machine->Read(kCpus + file).value_or(""));
}

bool Contains(const std::vector<unsigned>& cores, unsigned core) {
  return std::find(cores.begin(), cores.end(), core) != cores.end();
}

// Those that are configured and there; else the one that podwarp takes by itself.
std::vector<unsigned> WorkerCores(const Subject& subject) {
  if (!subject.config.has_value()) return {};
  const std::vector<unsigned> online = CoresIn(subject, "online");
  if (subject.config->worker_cores.empty()) {
    if (online.empty()) return {};
    return {online.back()};
  }
  std::vector<unsigned> workers;
  for (const unsigned core : subject.config->worker_cores) {
    if (Contains(online, core)) workers.push_back(core);
  }
  return workers;
}

std::string Join(const std::vector<unsigned>& cores) { return absl::StrJoin(cores, ","); }

// -1 if the machine has no such nodes.
int NumaNodeOf(const Subject& subject, unsigned core) {
  for (const std::string& name : subject.machine->List("/sys/devices/system/node")) {
    int node;
    if (name.rfind("node", 0) != 0 || !absl::SimpleAtoi(name.substr(4), &node)) continue;
    const std::string list =
        subject.machine->Read(absl::StrCat("/sys/devices/system/node/", name, "/cpulist"))
            .value_or("");
    if (Contains(ParseCoreList(list), core)) return node;
  }
  return -1;
}

}  // namespace

void CheckCoresExist(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  const std::vector<unsigned> online = CoresIn(subject, "online");
  std::vector<unsigned> missing;
  for (const unsigned core : subject.config->worker_cores) {
    if (!Contains(online, core)) missing.push_back(core);
  }
  if (!missing.empty()) {
    findings->Problem(absl::StrCat("core ", Join(missing),
                                   " of `workers: {cores}` is not there, or not online: this "
                                   "machine has ",
                                   Join(online)));
  } else if (subject.config->worker_cores.empty()) {
    findings->Ok(absl::StrCat("`workers: {cores}` names none: the worker takes core ",
                              Join(WorkerCores(subject))));
  } else {
    findings->Ok(absl::StrCat("workers have core ", Join(subject.config->worker_cores)));
  }
}

void CheckCoresIsolated(const Subject& subject, Findings* findings) {
  const std::vector<unsigned> isolated = CoresIn(subject, "isolated");
  const std::vector<unsigned> without_ticks = CoresIn(subject, "nohz_full");
  std::vector<unsigned> shared, ticking;
  const std::vector<unsigned> workers = WorkerCores(subject);
  for (const unsigned core : workers) {
    if (!Contains(isolated, core)) shared.push_back(core);
    if (!Contains(without_ticks, core)) ticking.push_back(core);
  }
  if (!shared.empty()) {
    findings->Warn(absl::StrCat("the kernel runs other programs on worker core ", Join(shared),
                                " too, which delays frames: start it with `isolcpus=",
                                Join(workers), " nohz_full=", Join(workers), "`"));
  } else if (!ticking.empty()) {
    findings->Warn(absl::StrCat("the kernel's clock interrupts worker core ", Join(ticking),
                                ": start it with `nohz_full=", Join(workers), "`"));
  } else if (!workers.empty()) {
    findings->Ok(absl::StrCat("core ", Join(workers), " is kept free of other programs"));
  }
}

void CheckCoresLeft(const Subject& subject, Findings* findings) {
  const std::vector<unsigned> online = CoresIn(subject, "online");
  if (online.empty() || WorkerCores(subject).size() < online.size()) return;
  findings->Warn(
      "workers have all cores of the machine: podwarp's control thread and everything else wait "
      "for them; leave one out of `workers: {cores}`");
}

void CheckCoreSiblings(const Subject& subject, Findings* findings) {
  const std::vector<unsigned> workers = WorkerCores(subject);
  std::set<std::vector<unsigned>> told;
  for (const unsigned core : workers) {
    std::vector<unsigned> together;
    for (const unsigned sibling :
         CoresIn(subject, absl::StrCat("cpu", core, "/topology/thread_siblings_list"))) {
      if (Contains(workers, sibling)) together.push_back(sibling);
    }
    if (together.size() < 2 || !told.insert(together).second) continue;
    findings->Warn(absl::StrCat("worker cores ", Join(together),
                                " are two halves of one (SMT), and each has half its speed: give "
                                "workers one of them only"));
  }
}

void CheckCoresNearNics(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  const std::vector<unsigned> workers = WorkerCores(subject);
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    const std::string device = uplink.pci.empty()
                                   ? absl::StrCat("/sys/class/net/", uplink.interface, "/device")
                                   : PciFolder(uplink.pci);
    const int64_t node = subject.machine->ReadNumber(device + "/numa_node").value_or(-1);
    if (node < 0 || workers.empty()) continue;
    std::vector<unsigned> far;
    for (const unsigned core : workers) {
      if (NumaNodeOf(subject, core) != node) far.push_back(core);
    }
    if (far.empty()) {
      findings->Ok(absl::StrCat("uplink ", uplink.name, " and workers are on NUMA node ", node));
      continue;
    }
    const std::string near =
        subject.machine->Read(absl::StrCat("/sys/devices/system/node/node", node, "/cpulist"))
            .value_or("none");
    findings->Warn(absl::StrCat("uplink ", uplink.name, " is plugged into NUMA node ", node,
                                ", worker core ", Join(far),
                                " is on another, which is slower: "
                                "cores of that node are ",
                                near));
  }
}

}  // namespace podwarp::ctl
