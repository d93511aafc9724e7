// The file of a vhost-user socket: what stands in its way, who may use it, and whether it is still
// the one that was seen before.
//
// Thread rule: the keeper of VhostBackend. Nothing here waits for a peer.
// Source: unix(7).
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace podwarp {

struct VhostSocketSettings {
  std::string path;                 // absolute, at most 107 bytes
  bool is_server = false;           // podwarp listens; else the peer does
  std::optional<mode_t> mode = {};  // server: the file's rights; else what the umask leaves
  std::string group = {};           // server: its group's name; empty = podwarp's own
};

// Which file a path leads to: another one as soon as somebody has made it anew.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  timespec changed = {};

  friend bool operator==(const FileIdentity& a, const FileIdentity& b) {
    return a.device == b.device && a.inode == b.inode && a.changed.tv_sec == b.changed.tv_sec &&
           a.changed.tv_nsec == b.changed.tv_nsec;
  }
};
// nullopt if there is no such file, or it can't be seen.
std::optional<FileIdentity> IdentityOf(const std::string& path);

// Makes way for a socket that is about to be bound: makes its folder, and removes a file that a
// process left behind which accepts no more. Errors, each a sentence with the path: AlreadyExists
// (somebody listens there, or the file is no socket), PermissionDenied and others (it can't be
// bound).
absl::Status MakeWayForServer(const VhostSocketSettings& settings);

// Gives a bound socket its group and rights. Errors: NotFound (group), PermissionDenied.
absl::Status SetSocketRights(const VhostSocketSettings& settings);

// Has whoever reads from or writes to a connection of the socket fail after a tenth of a second
// instead of waiting on. librte_vhost serves all peers on one thread, and blocks: one that sends
// half a message would hold up all others. It doesn't tell its descriptors, so all of the process
// are looked through.
void LimitWaiting(const std::string& path);

// Why connecting to the socket just failed, as one sentence.
std::string WhyNotConnected(const std::string& path);

}  // namespace podwarp
