#include "control/state_store.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/object_json.h"
#include "control/state_file.h"

namespace podwarp {
namespace {

absl::StatusOr<Object> ReadRow(const std::string& kind, const std::string& key,
                               const std::string& body) {
  for (const ObjectKind known : kObjectKinds) {
    if (kind != ToString(known)) continue;
    const absl::StatusOr<Document> document = ParseJson(body);
    if (!document.ok()) return document.status();
    absl::StatusOr<Object> object = ObjectFromJson(known, *document, ObjectDefaults());
    if (object.ok() && KeyOf(*object) != key) {
      return absl::InvalidArgumentError(absl::StrCat("it calls itself ", KeyOf(*object)));
    }
    return object;
  }
  return absl::InvalidArgumentError("there is no such kind of object");
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateStore>> StateStore::Open(const std::string& path) {
  absl::StatusOr<StateFile> file = OpenStateFile(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<SqlStatement> put =
      SqlStatement::Prepare(file->database.get(),
                            "INSERT INTO objects (kind, key, body) VALUES (?1, ?2, ?3)"
                            " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body");
  if (!put.ok()) return put.status();
  absl::StatusOr<SqlStatement> remove = SqlStatement::Prepare(
      file->database.get(), "DELETE FROM objects WHERE kind = ?1 AND key = ?2");
  if (!remove.ok()) return remove.status();
  std::unique_ptr<StateStore> store(
      new StateStore(path, std::move(file->database), *std::move(put), *std::move(remove)));
  store->set_aside_ = std::move(file->set_aside);
  return store;
}

absl::Status StateStore::Write(std::span<const Edit> edits) {
  if (edits.empty()) return absl::OkStatus();
  absl::Status status = RunSql(database_.get(), "BEGIN IMMEDIATE");
  if (status.ok()) status = WriteAll(edits);
  if (status.ok()) status = RunSql(database_.get(), "COMMIT");
  if (status.ok()) return status;
  // Some errors, a full disk's among them, have already rolled it back.
  if (sqlite3_get_autocommit(database_.get()) == 0) {
    RunSql(database_.get(), "ROLLBACK").IgnoreError();
  }
  return absl::Status(status.code(), absl::StrCat("can't write to the state file ", path_, ": ",
                                                  std::string(status.message())));
}

absl::Status StateStore::WriteAll(std::span<const Edit> edits) {
  for (const Edit& edit : edits) {
    SqlStatement& statement = edit.object.has_value() ? put_ : remove_;
    std::string body;
    if (edit.object.has_value()) {
      try {
        body = ToJson(*edit.object).dump();
      } catch (const Document::exception&) {  // a path, say, that isn't UTF-8
        return absl::InvalidArgumentError(absl::StrCat(std::string(ToString(edit.kind)), " ",
                                                       edit.key, " has text that isn't UTF-8"));
      }
      statement.Bind(3, body);
    }
    statement.Bind(1, ToString(edit.kind));
    statement.Bind(2, edit.key);
    if (absl::Status status = statement.Run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StateStore::Unreadable>> StateStore::Load(
    absl::FunctionRef<void(const Object&)> take) {
  absl::StatusOr<SqlStatement> rows = SqlStatement::Prepare(
      database_.get(), "SELECT kind, key, body FROM objects ORDER BY kind, key");
  if (!rows.ok()) return rows.status();
  std::vector<Unreadable> unreadable;
  while (true) {
    const absl::StatusOr<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return unreadable;
    const std::string kind = rows->Text(0), key = rows->Text(1);
    absl::StatusOr<Object> object = ReadRow(kind, key, rows->Text(2));
    if (object.ok()) {
      take(*object);
    } else {
      const std::string why(object.status().message());
      unreadable.push_back(
          {absl::StrCat(kind, " ", key), absl::StrReplaceAll(why, {{"\n", "; "}})});
    }
  }
}

}  // namespace podwarp
