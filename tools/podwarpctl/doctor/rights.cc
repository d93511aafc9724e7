// Whether podwarp may do what it does to the kernel.
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "doctor/checks.h"

namespace podwarp::ctl {
namespace {

struct Capability {
  unsigned number;  // in capability.h
  const char* name;
};
// For taps and routes, for AF_PACKET, for memory that is locked, for pods' network namespaces.
constexpr Capability kNeeded[] = {
    {12, "CAP_NET_ADMIN"}, {13, "CAP_NET_RAW"}, {14, "CAP_IPC_LOCK"}, {21, "CAP_SYS_ADMIN"}};

// A line of /proc/PID/status: what follows its name.
std::string Line(const std::string& status, const std::string& name) {
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    std::istringstream words(line.substr(name.size() + 1));
    std::string word;
    words >> word;
    return word;
  }
  return "";
}

}  // namespace

void CheckRights(const Subject& subject, Findings* findings) {
  const std::string of = subject.pid.has_value() ? absl::StrCat(*subject.pid) : std::string("self");
  const std::string who =
      subject.pid.has_value() ? absl::StrCat("podwarp's process ", of) : std::string("this user");
  const std::optional<std::string> status =
      subject.machine->Read(absl::StrCat("/proc/", of, "/status"));
  uint64_t capabilities = 0;
  if (!status.has_value() || !absl::SimpleHexAtoi(Line(*status, "CapEff"), &capabilities)) {
    findings->Warn(absl::StrCat("the rights of ", who, " can't be read from /proc/", of,
                                "/status: run doctor on the same machine, as root"));
    return;
  }
  std::vector<std::string> missing;
  for (const Capability& capability : kNeeded) {
    if ((capabilities >> capability.number & 1) == 0) missing.push_back(capability.name);
  }
  if (!missing.empty()) {
    findings->Problem(absl::StrCat(who, " lacks ", absl::StrJoin(missing, ", "),
                                   ": run podwarp as root, and name these in its unit's "
                                   "CapabilityBoundingSet"));
  } else {
    findings->Ok(absl::StrCat(who, " has the rights that podwarp needs"));
  }
}

}  // namespace podwarp::ctl
