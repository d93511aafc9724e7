#include "control/sqlite.h"

#include "absl/strings/str_cat.h"

namespace podwarp {

absl::Status SqliteStatus(sqlite3* database, int code, std::string_view what) {
  const std::string text =
      absl::StrCat(std::string(what), ": ",
                   database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  switch (code & 0xff) {  // extended codes have the plain one there
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return absl::OkStatus();
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError("another process has it open");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return absl::PermissionDeniedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::StatusOr<SqliteHandle> OpenSqlite(const std::string& path) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteHandle database(opened);
  if (code != SQLITE_OK) return SqliteStatus(opened, code, path);
  sqlite3_extended_result_codes(opened, 1);
  return database;
}

absl::Status RunSql(sqlite3* database, const char* sql) {
  return SqliteStatus(database, sqlite3_exec(database, sql, nullptr, nullptr, nullptr), sql);
}

absl::StatusOr<SqlStatement> SqlStatement::Prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return SqliteStatus(database, code, sql);
  return SqlStatement(statement);
}

absl::Status SqlStatement::Error(int code) const {
  return SqliteStatus(sqlite3_db_handle(statement_.get()), code, sqlite3_sql(statement_.get()));
}

absl::Status SqlStatement::Run() {
  int code;
  do {
    code = sqlite3_step(statement_.get());
  } while (code == SQLITE_ROW);
  absl::Status status = Error(code);
  sqlite3_reset(statement_.get());
  return status;
}

absl::StatusOr<bool> SqlStatement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Error(code);
}

std::string SqlStatement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return "";
  return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

absl::StatusOr<int64_t> QueryInteger(sqlite3* database, const char* sql) {
  absl::StatusOr<SqlStatement> statement = SqlStatement::Prepare(database, sql);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return *row ? statement->Integer(0) : 0;
}

}  // namespace podwarp
