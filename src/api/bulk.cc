#include "api/bulk.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/paths.h"
#include "control/near_miss.h"
#include "control/object_json.h"

namespace podwarp {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Wrong(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(field), ": ", std::string(what)));
}

// The text of a field. Errors if it is missing or something else.
absl::StatusOr<std::string> TextOf(const Json& line, const char* field) {
  const auto found = line.find(field);
  if (found == line.end()) return Wrong(field, "is missing");
  if (!found->is_string()) return Wrong(field, "expected a text");
  return found->get_ref<const std::string&>();
}

absl::StatusOr<ObjectKind> KindNamed(const std::string& word) {
  for (const ObjectKind kind : kObjectKinds) {
    if (word == ToString(kind)) return kind;
  }
  return Wrong("kind",
               absl::StrCat("'", word, "' is not a kind (expected pod, node, route or service)"));
}

absl::Status CheckFields(const Json& line, const std::vector<std::string>& known) {
  for (const auto& [name, value] : line.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Wrong(name, absl::StrCat("unknown key", DidYouMean(name, known)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Edit> ParseEdit(std::string_view text, const ObjectDefaults& defaults) {
  static const std::vector<std::string> kPutFields = {"op", "kind", "object"};
  static const std::vector<std::string> kDeleteFields = {"op", "kind", "key"};
  const absl::StatusOr<Json> line = ParseJson(text);
  if (!line.ok()) return line.status();
  if (!line->is_object()) {
    return absl::InvalidArgumentError("expected {\"op\":...,\"kind\":...,...}");
  }
  const absl::StatusOr<std::string> op = TextOf(*line, "op");
  if (!op.ok()) return op.status();
  if (*op != "put" && *op != "delete") {
    return Wrong("op", absl::StrCat("'", *op, "' is neither put nor delete"));
  }
  const absl::StatusOr<std::string> word = TextOf(*line, "kind");
  if (!word.ok()) return word.status();
  const absl::StatusOr<ObjectKind> kind = KindNamed(*word);
  if (!kind.ok()) return kind.status();
  const absl::Status fields = CheckFields(*line, *op == "put" ? kPutFields : kDeleteFields);
  if (!fields.ok()) return fields;

  if (*op == "delete") {
    const absl::StatusOr<std::string> said = TextOf(*line, "key");
    if (!said.ok()) return said.status();
    absl::StatusOr<std::string> key = ParseKey(*kind, *said);
    if (!key.ok()) return Wrong("key", std::string(key.status().message()));
    return Edit{.kind = *kind, .key = *std::move(key), .object = std::nullopt};
  }
  const auto said = line->find("object");
  if (said == line->end()) return Wrong("object", "is missing");
  absl::StatusOr<Object> object = ObjectFromJson(*kind, *said, defaults);
  if (!object.ok()) return object.status();
  std::string key = KeyOf(*object);
  return Edit{.kind = *kind, .key = std::move(key), .object = *std::move(object)};
}

void BulkChange::Feed(std::string_view part) {
  while (!part.empty()) {
    const size_t end = part.find('\n');
    const bool ends = end != std::string_view::npos;
    const std::string_view piece = part.substr(0, end);
    part.remove_prefix(ends ? end + 1 : part.size());
    if (is_too_long_ || begun_.size() + piece.size() > kLongestLine) {
      is_too_long_ = true;
      begun_.clear();
    } else if (ends && begun_.empty()) {  // as nearly all are: no copy
      HandleLine(piece);
      continue;
    } else {
      begun_ += piece;
    }
    if (ends) {
      HandleLine(begun_);
      begun_.clear();
      is_too_long_ = false;
    }
  }
}

ApiAnswer BulkChange::Finish() {
  if (!begun_.empty() || is_too_long_) HandleLine(begun_);
  Flush();
  // Lines that can't be read have come before those of the batch around them.
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const Json& a, const Json& b) { return a["line"] < b["line"]; });
  return {.status = 200,
          .body = {{"applied", applied_}, {"failed", failed_}, {"errors", std::move(errors_)}},
          .allow = ""};
}

std::string BulkChange::Abandon() {
  Flush();
  return absl::StrCat("of the ", line_, " lines before, ", applied_, " were applied and ", failed_,
                      " failed");
}

void BulkChange::HandleLine(std::string_view line) {
  ++line_;
  if (is_too_long_) {
    AddError(
        line_,
        absl::InvalidArgumentError(absl::StrCat("the line has more than ", kLongestLine, " bytes")),
        "");
    return;
  }
  if (std::all_of(line.begin(), line.end(),
                  [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); })) {
    return;
  }
  absl::StatusOr<Edit> edit = ParseEdit(line, defaults_);
  if (!edit.ok()) {
    AddError(line_, edit.status(), "");
    return;
  }
  edits_.push_back(*std::move(edit));
  lines_.push_back(line_);
  if (edits_.size() == kBatch) Flush();
}

void BulkChange::Flush() {
  if (edits_.empty()) return;
  const std::vector<EditResult> results = backend_->Apply(edits_);
  for (size_t i = 0; i < edits_.size(); ++i) {
    absl::Status status =
        i < results.size() ? results[i].status : absl::InternalError("the change has no result");
    const std::string name = status.ok() && results[i].outcome != EditResult::Outcome::kAbsent
                                 ? ""
                                 : NameOf(edits_[i].kind, edits_[i].key);
    if (name.empty()) {
      ++applied_;
      continue;
    }
    if (status.ok()) status = absl::NotFoundError(absl::StrCat("there is no ", name));
    AddError(lines_[i], status, name);
  }
  edits_.clear();
  lines_.clear();
  defaults_ = backend_->Defaults();  // a reload of the configuration may have changed them
}

void BulkChange::AddError(size_t line, const absl::Status& status, std::string_view object) {
  ++failed_;
  if (errors_.size() == kMostErrors) return;
  Json error = {{"line", line}, {"code", CodeOf(status)}};
  if (!object.empty()) error["object"] = object;
  error["message"] = std::string(status.message());
  errors_.push_back(std::move(error));
}

}  // namespace podwarp
