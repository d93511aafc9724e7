// As much of SQLite as is needed here, with errors as absl::Status.
//
// Thread rule: one thread at a time.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace podwarp {

// What went wrong with the file; `what` was being done. Errors: DataLoss (the file is damaged, or
// is none of SQLite's), ResourceExhausted (no room), FailedPrecondition (another process has it),
// PermissionDenied (it can't be written), else Unavailable.
absl::Status SqliteStatus(sqlite3* database, int code, std::string_view what);

struct SqliteCloser {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using SqliteHandle = std::unique_ptr<sqlite3, SqliteCloser>;

// Opens a file that exists.
absl::StatusOr<SqliteHandle> OpenSqlite(const std::string& path);

// One or more statements that give no rows, or whose rows don't matter.
absl::Status RunSql(sqlite3* database, const char* sql);

// A prepared statement. Parameters count from 1, columns from 0.
class SqlStatement {
 public:
  static absl::StatusOr<SqlStatement> Prepare(sqlite3* database, const char* sql);

  // The text stays valid until the statement is run.
  void Bind(int parameter, std::string_view text) {
    sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  // Runs it to its end, and makes it ready to be run again.
  absl::Status Run();
  // True if there is a (next) row.
  absl::StatusOr<bool> Step();
  // Of the present row.
  std::string Text(int column) const;
  int64_t Integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit SqlStatement(sqlite3_stmt* statement) : statement_(statement) {}
  absl::Status Error(int code) const;

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

// The one value of a query for one: 0 if there is no row.
absl::StatusOr<int64_t> QueryInteger(sqlite3* database, const char* sql);

}  // namespace podwarp
