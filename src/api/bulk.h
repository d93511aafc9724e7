// Many changes in one body, a line of JSON each:
//
//   {"op":"put","kind":"route","object":{"prefix":"10.1.2.3/32","node":"node-b"}}
//   {"op":"delete","kind":"pod","key":"default/web-1"}
//
// They are applied in batches while the body arrives, which is never whole in memory. Each line
// stands alone; empty ones are passed over.
//
// Thread rule: one thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/answer.h"
#include "api/backend.h"

namespace podwarp {

// The change that a line says. Errors: InvalidArgument that says what is wrong.
absl::StatusOr<Edit> ParseEdit(std::string_view line, const ObjectDefaults& defaults);

class BulkChange {
 public:
  static constexpr size_t kBatch = 4096;
  static constexpr size_t kLongestLine = 1 << 20;  // as an object's body; see HttpLimits
  static constexpr size_t kMostErrors = 100;       // that are told in words

  explicit BulkChange(ApiBackend* backend) : backend_(backend), defaults_(backend->Defaults()) {}

  // The next part of the body.
  void Feed(std::string_view part);
  // The body is whole: a last line without an end counts. Gives
  // {"applied":N,"failed":M,"errors":[{"line":L,"code":...,"object":...,"message":...}]}.
  ApiAnswer Finish();
  // The body isn't coming: what was begun of its last line is forgotten, the lines before it are
  // applied. Gives the sentence that says how far it got.
  std::string Abandon();

 private:
  void HandleLine(std::string_view line);
  void Flush();
  void AddError(size_t line, const absl::Status& status, std::string_view object);

  ApiBackend* const backend_;
  ObjectDefaults defaults_;
  size_t line_ = 0;           // number of the last line that was whole
  std::string begun_;         // of the next line
  bool is_too_long_ = false;  // the next line, which is passed over up to its end
  std::vector<Edit> edits_;
  std::vector<size_t> lines_;  // of edits_
  size_t applied_ = 0;
  size_t failed_ = 0;
  nlohmann::ordered_json errors_ = nlohmann::ordered_json::array();
};

}  // namespace podwarp
