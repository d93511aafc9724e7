#include "control/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

constexpr int64_t kApplicationId = 0x70647770;  // "pdwp", in the file's header
constexpr int64_t kVersion = 1;                 // of what is in the tables

constexpr char kMakeTables[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE objects (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,"
    "  PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 0x70647770;"
    "PRAGMA user_version = 1;"
    "COMMIT";

// FULL: a commit returns when the log of changes is on the disk. EXCLUSIVE: nobody else, another
// podwarp least of all, may open it meanwhile.
constexpr char kSettings[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 67108864";

absl::Status SystemError(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

// So that a file that was just made, or renamed, is still there after a power cut.
absl::Status SyncFolder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(absl::StrCat("can't open the folder ", folder.string()));
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced ? absl::OkStatus()
                : SystemError(absl::StrCat("can't sync the folder ", folder.string()));
}

absl::Status MakeFile(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("can't make the folder of the state file ", path));
  }
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError(absl::StrCat("can't open the state file ", path));
  struct stat file;
  const bool regular = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
  close(fd);
  if (!regular) return absl::FailedPreconditionError(absl::StrCat(path, " is no file"));
  // Where the log of changes has to be made.
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return SystemError(absl::StrCat("can't write to the folder of the state file ", path));
  }
  return SyncFolder(folder);
}

// Errors: DataLoss that says what the file is instead of a state file; others are the system's.
absl::StatusOr<SqliteHandle> OpenAndCheck(const std::string& path) {
  absl::StatusOr<SqliteHandle> opened = OpenSqlite(path);
  if (!opened.ok()) return opened.status();
  sqlite3* const database = opened->get();
  sqlite3_busy_timeout(database, 2000);  // a process that is just ending
  // Before all else: it also takes the lock of a file that another process has in WAL mode.
  if (absl::Status status = RunSql(database, "PRAGMA locking_mode = EXCLUSIVE"); !status.ok()) {
    return status;
  }
  const absl::StatusOr<int64_t> id = QueryInteger(database, "PRAGMA application_id");
  if (!id.ok()) return id.status();
  const absl::StatusOr<int64_t> version = QueryInteger(database, "PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> tables =
      QueryInteger(database, "SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  const bool is_new = *id == 0 && *version == 0 && *tables == 0;
  if (!is_new) {
    if (*id != kApplicationId) return absl::DataLossError("it is another program's database");
    if (*version > kVersion) {
      return absl::DataLossError(absl::StrCat("a newer podwarp wrote it, version ", *version,
                                              " of its tables; this one knows ", kVersion));
    }
    absl::StatusOr<SqlStatement> check = SqlStatement::Prepare(database, "PRAGMA quick_check(1)");
    if (!check.ok()) return check.status();
    const absl::StatusOr<bool> row = check->Step();
    if (!row.ok()) return row.status();
    if (!*row || check->Text(0) != "ok") {
      return absl::DataLossError(absl::StrCat("it is damaged: ", check->Text(0)));
    }
    // Without a table the statements to come would be at a loss.
    const absl::StatusOr<SqlStatement> readable =
        SqlStatement::Prepare(database, "SELECT kind, key, body FROM objects");
    if (!readable.ok()) return absl::DataLossError(std::string(readable.status().message()));
  }
  if (absl::Status status = RunSql(database, kSettings); !status.ok()) return status;
  if (is_new) {
    if (absl::Status status = RunSql(database, kMakeTables); !status.ok()) return status;
  }
  return opened;
}

// Renames the file, and what SQLite keeps beside it, so that all of it can be looked at. Returns
// the new name.
absl::StatusOr<std::string> SetAside(const std::string& path) {
  for (int number = 1;; ++number) {
    const std::string aside = absl::StrCat(path, ".set-aside-", number);
    if (access(aside.c_str(), F_OK) == 0) continue;
    for (const char* suffix : {"-wal", "-shm", ""}) {
      if (std::rename((path + suffix).c_str(), (aside + suffix).c_str()) != 0 && errno != ENOENT) {
        return SystemError(absl::StrCat("can't rename the state file ", path, " to ", aside));
      }
    }
    return aside;
  }
}

}  // namespace

absl::StatusOr<StateFile> OpenStateFile(const std::string& path) {
  if (absl::Status status = MakeFile(path); !status.ok()) return status;
  absl::StatusOr<SqliteHandle> database = OpenAndCheck(path);
  std::string report;
  if (absl::IsDataLoss(database.status())) {
    const std::string why(database.status().message());
    const absl::StatusOr<std::string> aside = SetAside(path);
    if (!aside.ok()) return aside.status();
    report = absl::StrCat("state file ", path, " is not usable (", why, "); it was set aside as ",
                          *aside, ", and a new one begun");
    if (absl::Status status = MakeFile(path); !status.ok()) return status;
    database = OpenAndCheck(path);
  }
  if (!database.ok()) {
    return absl::Status(database.status().code(),
                        absl::StrCat("can't use the state file ", path, ": ",
                                     std::string(database.status().message())));
  }
  return StateFile{.database = *std::move(database), .set_aside = std::move(report)};
}

}  // namespace podwarp
