// Unix sockets of pods, and of the API.
#include <sys/un.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "doctor/checks.h"

namespace podwarp::ctl {
namespace {

constexpr size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;

bool HasGroup(const Machine& machine, const std::string& name) {
  std::istringstream groups(machine.Read("/etc/group").value_or(""));
  for (std::string line; std::getline(groups, line);) {
    if (absl::StartsWith(line, name + ":")) return true;
  }
  return false;
}

// The nearest folder that there is: podwarp makes those below it.
std::string ExistingFolder(const Machine& machine, std::filesystem::path folder) {
  while (!machine.Exists(folder.string()) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder.string();
}

}  // namespace

void CheckApi(const Subject& subject, Findings* findings) {
  // Whoever answers is reached.
  if (!subject.config.has_value() || subject.pid.has_value()) return;
  const std::string& socket = subject.config->api_socket;
  if (socket.empty()) {
    findings->Warn(
        "the configuration has no section `api`, so that podwarpctl and podwarp-cni can't reach "
        "podwarp: add `api: {}`");
  } else if (socket != subject.asked_socket) {
    findings->Warn(absl::StrCat("podwarp was looked for at ", subject.asked_socket,
                                ", its configuration puts the API at ", socket,
                                ": `podwarpctl --socket ", socket, "`"));
  }
}

void CheckSocketPaths(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  for (const SocketConfig& socket : subject.config->sockets) {
    if (socket.path.size() > kLongestPath) {
      findings->Problem(absl::StrCat(socket.owner, "'s socket ", socket.path, " has ",
                                     socket.path.size(), " bytes: the kernel takes at most ",
                                     kLongestPath, "; use a shorter folder"));
    } else if (!absl::StartsWith(socket.path, "/")) {
      findings->Problem(absl::StrCat(socket.owner, "'s socket '", socket.path,
                                     "' is no absolute path: begin it with a slash"));
    }
  }
}

void CheckSocketFolders(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  std::set<std::string> told;
  for (const SocketConfig& socket : subject.config->sockets) {
    const std::string folder = std::filesystem::path(socket.path).parent_path().string();
    if (!absl::StartsWith(folder, "/") || !told.insert(folder).second) continue;
    const std::string whose =
        absl::StrCat(folder, ", where ", socket.owner, "'s socket is to be, ");
    const std::string existing = ExistingFolder(*subject.machine, folder);
    if (!socket.is_made_by_podwarp && existing != folder) {
      findings->Warn(absl::StrCat(whose,
                                  "is not there: the port stays down until its peer, which "
                                  "makes the socket, has made it"));
    } else if (!subject.machine->CanMakeFilesIn(existing)) {
      findings->Problem(absl::StrCat(whose,
                                     existing == folder ? "" : "can't be made: " + existing + " ",
                                     "can't be written to: give podwarp the right to, or name "
                                     "another folder"));
    } else {
      findings->Ok(absl::StrCat(whose, existing == folder ? "can be written to" : "can be made"));
    }
  }
}

void CheckSocketGroups(const Subject& subject, Findings* findings) {
  if (!subject.config.has_value()) return;
  for (const SocketConfig& socket : subject.config->sockets) {
    if (socket.group.empty() || HasGroup(*subject.machine, socket.group)) continue;
    findings->Problem(absl::StrCat(socket.owner, "'s socket is to belong to the group ",
                                   socket.group, ", which there isn't: `groupadd --system ",
                                   socket.group, "`, or name another"));
  }
}

}  // namespace podwarp::ctl
