#include "control/config_faults.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

// Cuts the last part off: pods[1].mac -> pods[1] -> pods -> "".
void CutToParent(std::string* key) {
  const size_t end = key->find_last_of(".[");
  key->resize(end == std::string::npos ? 0 : end);
}

// One fault is one line, whatever bytes the file's values hold.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&line, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace

std::string KeyOf(std::string_view list, size_t index) {
  return absl::StrCat(std::string(list), "[", index, "]");
}

std::string KeyOf(std::string_view list, size_t index, std::string_view name) {
  return absl::StrCat(KeyOf(list, index), ".", std::string(name));
}

std::string Within(std::string_view key, std::string_view name) {
  return absl::StrCat(std::string(key), key.empty() ? "" : ".", std::string(name));
}

void ConfigFaults::SetLine(const std::string& key, int line) {
  if (Find(key).flag.empty()) places_[key].line = std::max(line, 1);
}

void ConfigFaults::SetFlag(const std::string& key, const std::string& flag) {
  places_[key].flag = flag;
}

ConfigFaults::Place ConfigFaults::Find(std::string key) const {
  while (true) {
    const auto place = places_.find(key);
    if (place != places_.end()) return place->second;
    if (key.empty()) return Place();
    CutToParent(&key);
  }
}

std::string ConfigFaults::Named(const std::string& key) const {
  if (!is_file()) return key;
  const Place place = Find(key);
  const std::string where = place.flag.empty() ? absl::StrCat("line ", place.line) : place.flag;
  return absl::StrCat(key, " (", where, ")");
}

bool ConfigFaults::InsideUnusable(std::string key) const {
  while (true) {
    if (unusable_.contains(key)) return true;
    if (key.empty()) return false;
    CutToParent(&key);
  }
}

bool ConfigFaults::Usable(const std::string& key) const {
  if (InsideUnusable(key)) return false;
  for (const char* separator : {".", "["}) {
    const auto part = unusable_.lower_bound(key + separator);
    if (part != unusable_.end() && absl::StartsWith(*part, key + separator)) return false;
  }
  return true;
}

void ConfigFaults::Add(const std::string& key, std::string_view what) {
  if (!InsideUnusable(key)) Append(key, what);
}

void ConfigFaults::AddUnusable(const std::string& key, std::string_view what) {
  Add(key, what);
  unusable_.insert(key);
}

void ConfigFaults::Append(const std::string& key, std::string_view what) {
  const Place place = Find(key);
  if (!place.flag.empty()) {
    faults_.push_back({0, absl::StrCat(place.flag, ": ", OneLine(what))});
    return;
  }
  const std::string subject = key.empty() ? "" : absl::StrCat(OneLine(key), ": ");
  const std::string where = is_file() ? absl::StrCat(file_, ":", place.line, ": ") : "";
  faults_.push_back({place.line, absl::StrCat(where, subject, OneLine(what))});
}

absl::Status ConfigFaults::ToStatus() const {
  if (faults_.empty()) return absl::OkStatus();
  std::vector<Fault> sorted = faults_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Fault& a, const Fault& b) { return a.line < b.line; });
  return absl::InvalidArgumentError(absl::StrJoin(
      sorted, "\n", [](std::string* out, const Fault& fault) { out->append(fault.text); }));
}

}  // namespace podwarp
