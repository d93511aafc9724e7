// Interfaces of the kernel that uplinks share.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "doctor/checks.h"

namespace podwarp::ctl {
namespace {

std::string LinkFolder(const std::string& interface) {
  return absl::StrCat("/sys/class/net/", interface);
}

// Calls `check` with each uplink whose interface is there.
template <typename Check>
void ForEachLink(const Subject& subject, const Check& check) {
  if (!subject.config.has_value()) return;
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    if (!uplink.interface.empty() && subject.machine->Exists(LinkFolder(uplink.interface))) {
      check(uplink);
    }
  }
}

}  // namespace

void CheckLinks(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  for (const UplinkConfig& uplink : subject.config->uplinks) {
    if (uplink.interface.empty()) continue;
    const std::string name =
        absl::StrCat("uplink ", uplink.name, "'s interface ", uplink.interface);
    const std::string folder = LinkFolder(uplink.interface);
    if (!subject.machine->Exists(folder)) {
      findings->Problem(absl::StrCat(name,
                                     " is not there: `ip link` lists what there is in this "
                                     "network namespace"));
    } else if (subject.machine->Read(folder + "/operstate").value_or("") == "down") {
      findings->Problem(absl::StrCat(name, " is down: `ip link set dev ", uplink.interface,
                                     " up`, and look at its cable or its peer"));
    } else {
      findings->Ok(absl::StrCat(name, " is there"));
    }
  }
}

void CheckLinkMtu(const Subject& subject, Findings* findings) {
  ForEachLink(subject, [&](const UplinkConfig& uplink) {
    const int64_t mtu =
        subject.machine->ReadNumber(LinkFolder(uplink.interface) + "/mtu").value_or(0);
    if (mtu >= uplink.mtu_bytes) return;
    findings->Problem(absl::StrCat("uplink ", uplink.name, " has an MTU of ", uplink.mtu_bytes,
                                   ", its interface ", uplink.interface, " only of ", mtu,
                                   ": `ip link set dev ", uplink.interface, " mtu ",
                                   uplink.mtu_bytes, "`"));
  });
}

void CheckPodMtu(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value() || subject.config->uplinks.empty()) return;
  const std::vector<UplinkConfig>& uplinks = subject.config->uplinks;
  const auto narrowest = std::min_element(
      uplinks.begin(), uplinks.end(),
      [](const UplinkConfig& a, const UplinkConfig& b) { return a.mtu_bytes < b.mtu_bytes; });
  std::vector<std::string> wider;
  for (const PodMtu& pod : subject.config->pods) {
    if (pod.mtu_bytes > narrowest->mtu_bytes) wider.push_back(pod.pod);
  }
  if (wider.empty()) {
    findings->Ok("no pod has a larger MTU than an uplink");
    return;
  }
  constexpr size_t kMostNamed = 3;
  const size_t others = wider.size() - std::min(wider.size(), kMostNamed);
  wider.resize(wider.size() - others);
  findings->Warn(absl::StrCat(
      "pod ", absl::StrJoin(wider, ", "),
      others > 0 ? absl::StrCat(" and ", others, " more") : std::string(),
      ": packets of more than ", narrowest->mtu_bytes, " bytes, the MTU of uplink ",
      narrowest->name, ", are cut into fragments or refused there; give both the same `mtu`"));
}

void CheckLinkVlan(const Subject& subject, Findings* findings) {
  ForEachLink(subject, [&](const UplinkConfig& uplink) {
    if (!subject.machine->Exists("/proc/net/vlan/" + uplink.interface)) return;
    if (uplink.vlan_id == 0) {
      findings->Ok(absl::StrCat("uplink ", uplink.name, "'s interface ", uplink.interface,
                                " tags frames by itself"));
      return;
    }
    findings->Problem(absl::StrCat(
        "uplink ", uplink.name, "'s interface ", uplink.interface,
        " tags frames by itself, and `vlan: ", uplink.vlan_id,
        "` tags them again: leave `vlan` out, or name the interface that it stands on"));
  });
}

void CheckLinkOffloads(const Subject& subject, Findings* findings) {
  ForEachLink(subject, [&](const UplinkConfig& uplink) {
    if (!uplink.is_af_packet()) return;
    const std::string name =
        absl::StrCat("uplink ", uplink.name, "'s interface ", uplink.interface);
    std::vector<std::string> on;
    for (const LinkOffload offload : kLinkOffloads) {
      const std::optional<bool> is_on = subject.machine->HasOffload(uplink.interface, offload);
      if (!is_on.has_value()) {
        findings->Warn(absl::StrCat(name, " doesn't say what it offloads: `ethtool -k ",
                                    uplink.interface, "` should have tx, tso, gso and gro off"));
        return;
      }
      if (*is_on) on.push_back(absl::StrCat(ToString(offload), " off"));
    }
    if (on.empty()) {
      findings->Ok(absl::StrCat(name, " hands frames over as they are on the wire"));
    } else {
      findings->Warn(absl::StrCat(name,
                                  " may hand over frames that are merged, or have unfinished "
                                  "checksums: `ethtool -K ",
                                  uplink.interface, " ", absl::StrJoin(on, " "),
                                  "`, and the same on its peer"));
    }
  });
}

}  // namespace podwarp::ctl
