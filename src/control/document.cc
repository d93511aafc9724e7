#include "control/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

constexpr size_t kMostLevels = 16;
// Looking a key up goes through all of a mapping's.
constexpr size_t kMostKeys = 256;

// Builds the tree as the parser reports its parts.
//
// `open_` holds pointers to the mappings and lists around the present place. Each is the last
// element of the one before it, which doesn't grow meanwhile, so that they stay where they are.
class Builder {
 public:
  // Moves the tree out. REQUIRES: the parser said that all went well.
  Document Take() { return std::move(root_); }
  const absl::Status& fault() const { return fault_; }

  // --- What nlohmann::json::sax_parse calls; false = stop. ---
  bool null() { return Add(nullptr); }
  bool boolean(bool value) { return Add(value); }
  bool number_integer(Document::number_integer_t value) { return Add(value); }
  bool number_unsigned(Document::number_unsigned_t value) { return Add(value); }
  bool number_float(Document::number_float_t value, const std::string&) { return Add(value); }
  bool string(std::string& value) { return Add(std::move(value)); }
  bool binary(Document::binary_t&) { return Fault("has bytes that JSON doesn't know"); }
  bool start_object(size_t) { return Open(Document::object()); }
  bool end_object() { return Close(); }
  bool start_array(size_t) { return Open(Document::array()); }
  bool end_array() { return Close(); }

  bool key(std::string& name) {
    auto& mapping = open_.back()->get_ref<Document::object_t&>();
    const bool again = std::any_of(mapping.begin(), mapping.end(),
                                   [&](const auto& entry) { return entry.first == name; });
    const bool full = mapping.size() == kMostKeys;
    mapping.push_back({std::move(name), nullptr});
    if (again) return Fault("is given again; keep one");
    return !full || Fault(absl::StrCat("is one key too many; there can be ", kMostKeys));
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong", or
    // "[json.exception.out_of_range.406] number overflow parsing '1e999'"
    const std::string what = error.what();
    const size_t at = what.find(" at line ");
    if (at == std::string::npos) return Fault(what.substr(what.find(' ') + 1));
    fault_ = absl::InvalidArgumentError(absl::StrCat("is not JSON", what.substr(at)));
    return false;
  }

 private:
  template <typename Value>
  bool Add(Value value) {
    *Place() = std::move(value);
    return true;
  }

  bool Open(Document container) {
    Document* const place = Place();
    *place = std::move(container);
    open_.push_back(place);
    return open_.size() <= kMostLevels || Fault("is nested too deeply");
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  // Where the value that comes next stands.
  Document* Place() {
    if (open_.empty()) return &root_;
    if (open_.back()->is_object()) {
      return &open_.back()->get_ref<Document::object_t&>().back().second;
    }
    return &open_.back()->get_ref<Document::array_t&>().emplace_back();
  }

  bool Fault(std::string_view what) {
    std::string path;
    for (const Document* container : open_) {
      if (container->is_object()) {
        const auto& mapping = container->get_ref<const Document::object_t&>();
        if (mapping.empty()) break;
        absl::StrAppend(&path, path.empty() ? "" : ".", mapping.back().first);
      } else if (!container->empty()) {
        absl::StrAppend(&path, "[", container->size() - 1, "]");
      }
    }
    fault_ =
        absl::InvalidArgumentError(absl::StrCat(path, path.empty() ? "" : ": ", std::string(what)));
    return false;
  }

  Document root_;
  std::vector<Document*> open_;
  absl::Status fault_;
};

}  // namespace

absl::StatusOr<Document> ParseJson(std::string_view text) {
  Builder builder;
  if (!Document::sax_parse(text, &builder)) return builder.fault();
  return builder.Take();
}

}  // namespace podwarp
