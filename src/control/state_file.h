// The file of a StateStore: made, checked, or set aside.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "control/sqlite.h"

namespace podwarp {

struct StateFile {
  SqliteHandle database;
  std::string set_aside;  // see StateStore::set_aside()
};

// A database with the table `objects (kind, key, body)`, nobody else's until it is closed. Errors:
// those of StateStore::Open().
absl::StatusOr<StateFile> OpenStateFile(const std::string& path);

}  // namespace podwarp
