#include "doctor/checks.h"

namespace podwarp::ctl {
namespace {

struct Check {
  const char* name;
  void (*run)(const Subject&, Findings*);
};

constexpr Check kChecks[] = {
    {"rights", CheckRights},
    {"hugepages", CheckHugepages},
    {"hugepages", CheckHugepagesOfNics},
    {"nic", CheckNicBinding},
    {"vf", CheckVirtualFunctions},
    {"iommu", CheckIommu},
    {"vfio", CheckVfio},
    {"link", CheckLinks},
    {"mtu", CheckLinkMtu},
    {"mtu", CheckPodMtu},
    {"vlan", CheckLinkVlan},
    {"offloads", CheckLinkOffloads},
    {"api", CheckApi},
    {"sockets", CheckSocketPaths},
    {"sockets", CheckSocketFolders},
    {"sockets", CheckSocketGroups},
    {"cores", CheckCoresExist},
    {"cores", CheckCoresIsolated},
    {"cores", CheckCoresLeft},
    {"cores", CheckCoreSiblings},
    {"numa", CheckCoresNearNics},
    {"forwarding", CheckIpForward},
    {"forwarding", CheckForwardPolicy},
};

}  // namespace

void RunChecks(const Subject& subject, Findings* findings) {
  for (const Check& check : kChecks) {
    findings->Begin(check.name);
    check.run(subject, findings);
  }
}

}  // namespace podwarp::ctl
