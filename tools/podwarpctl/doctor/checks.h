// The checks of `doctor`. Each looks at one thing, and says in plain sentences what it found and
// what to do; it says nothing where the thing doesn't matter.
#pragma once

#include <optional>

#include "doctor/findings.h"
#include "doctor/machine.h"
#include "doctor/node_config.h"

namespace podwarp::ctl {

struct Subject {
  const Machine* machine;
  std::optional<NodeConfig> config;  // none if it can't be read
  std::optional<uint64_t> pid;       // of podwarp, if it is running
  std::string asked_socket;          // where that was looked for
};

// All of them, in the order of a frame's way through a machine.
void RunChecks(const Subject& subject, Findings* findings);

// rights.cc
void CheckRights(const Subject& subject, Findings* findings);
// hugepages.cc
void CheckHugepages(const Subject& subject, Findings* findings);
void CheckHugepagesOfNics(const Subject& subject, Findings* findings);
// nics.cc
void CheckNicBinding(const Subject& subject, Findings* findings);
void CheckVirtualFunctions(const Subject& subject, Findings* findings);
// vfio.cc
void CheckIommu(const Subject& subject, Findings* findings);
void CheckVfio(const Subject& subject, Findings* findings);
// links.cc
void CheckLinks(const Subject& subject, Findings* findings);
void CheckLinkMtu(const Subject& subject, Findings* findings);
void CheckPodMtu(const Subject& subject, Findings* findings);
void CheckLinkVlan(const Subject& subject, Findings* findings);
void CheckLinkOffloads(const Subject& subject, Findings* findings);
// sockets.cc
void CheckApi(const Subject& subject, Findings* findings);
void CheckSocketPaths(const Subject& subject, Findings* findings);
void CheckSocketFolders(const Subject& subject, Findings* findings);
void CheckSocketGroups(const Subject& subject, Findings* findings);
// cores.cc
void CheckCoresExist(const Subject& subject, Findings* findings);
void CheckCoresIsolated(const Subject& subject, Findings* findings);
void CheckCoresLeft(const Subject& subject, Findings* findings);
void CheckCoreSiblings(const Subject& subject, Findings* findings);
void CheckCoresNearNics(const Subject& subject, Findings* findings);
// forwarding.cc
void CheckIpForward(const Subject& subject, Findings* findings);
void CheckForwardPolicy(const Subject& subject, Findings* findings);

// The kernel's folder of a PCI device.
std::string PciFolder(const std::string& address);
// Whether DPDK takes a device that is bound to this driver of the kernel's.
bool IsDpdkDriver(const std::string& driver);

}  // namespace podwarp::ctl
