// What came through the API, in a file: it is there again after a restart, and what was written
// survives a SIGKILL or a power cut at any moment.
//
// An SQLite database in WAL mode, each commit synced to the disk. Nothing but podwarp's own file is
// trusted: a damaged one, one of another program or of a newer podwarp is renamed to
// PATH.set-aside-N, with a report, and a new one begun.
//
// Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/objects.h"
#include "control/sqlite.h"

namespace podwarp {

class StateStore {
 public:
  // Makes the file, for its owner alone, and its folder, where they aren't there. Errors, each a
  // sentence with the path: PermissionDenied and others (the folder or the file can't be made or
  // written), FailedPrecondition (another process uses it).
  static absl::StatusOr<std::unique_ptr<StateStore>> Open(const std::string& path);

  // What was found there in place of a state file, and where it is now: a sentence for the log and
  // for reports. Empty if nothing was.
  const std::string& set_aside() const { return set_aside_; }

  // All of the edits, or, if it fails, none. They are on the disk when it returns. Of equal keys
  // the last one counts. Errors: ResourceExhausted (the disk is full), InvalidArgument (an object
  // that JSON can't say), others: what the system said.
  absl::Status Write(std::span<const Edit> edits);

  // What this podwarp can't read. It stays in the file until it is written anew or deleted.
  struct Unreadable {
    std::string name;  // "pod default/web-1"
    std::string why;
  };
  // `take` is called with each object, by kind, then by key: there may be a million.
  absl::StatusOr<std::vector<Unreadable>> Load(absl::FunctionRef<void(const Object&)> take);

 private:
  StateStore(std::string path, SqliteHandle database, SqlStatement put, SqlStatement remove)
      : path_(std::move(path)),
        database_(std::move(database)),
        put_(std::move(put)),
        remove_(std::move(remove)) {}
  absl::Status WriteAll(std::span<const Edit> edits);

  const std::string path_;
  std::string set_aside_;
  SqliteHandle database_;  // outlives its statements
  SqlStatement put_;
  SqlStatement remove_;
};

}  // namespace podwarp
