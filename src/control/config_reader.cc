#include "control/config_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/near_miss.h"

namespace podwarp {
namespace {

std::string ScalarText(const Document& value) {
  return value.is_string() ? value.get_ref<const std::string&>() : value.dump();
}

std::string Describe(const Document& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a mapping of keys to values";
  return absl::StrCat("the single value '", ScalarText(value), "'");
}

}  // namespace

MappingReader::~MappingReader() {
  if (mapping_ == nullptr) return;
  for (const auto& [name, value] : mapping_->get_ref<const Document::object_t&>()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    faults_->AddStray(PathOf(name), absl::StrCat("unknown key",
                                                 DidYouMean(name, {known_.begin(), known_.end()})));
  }
}

std::string MappingReader::PathOf(std::string_view name) const {
  return key_.empty() ? std::string(name) : absl::StrCat(key_, ".", std::string(name));
}

void MappingReader::Require(std::string_view name) {
  if (!Has(name)) faults_->AddUnusable(PathOf(name), "is missing");
}

void MappingReader::RequireOneOf(std::initializer_list<std::string_view> names) {
  std::vector<std::string> all, present;
  for (const std::string_view name : names) {
    all.emplace_back(name);
    if (Has(name)) present.emplace_back(name);
  }
  if (present.empty()) {
    faults_->AddUnusable(key_, absl::StrCat("needs one of ", absl::StrJoin(all, ", ")));
  } else if (present.size() > 1) {
    faults_->AddUnusable(key_, absl::StrCat("has ", absl::StrJoin(present, " and "), "; keep one"));
  }
}

void MappingReader::ForEach(std::string_view name,
                            absl::FunctionRef<void(const Document*, const std::string&)> read) {
  const Document* list = Find(name);
  if (list == nullptr || !IsList(*list, PathOf(name))) return;
  size_t index = 0;
  for (const Document& element : *list) read(&element, KeyOf(PathOf(name), index++));
}

const Document* MappingReader::Find(std::string_view name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.push_back(name);
  if (mapping_ == nullptr) return nullptr;
  for (const auto& entry : mapping_->get_ref<const Document::object_t&>()) {
    if (entry.first == name) return &entry.second;
  }
  return nullptr;
}

const std::string* MappingReader::TextOf(const Document& value, const std::string& key,
                                         std::string* storage) {
  const std::string* text = storage;
  if (value.is_null()) {
    faults_->AddUnusable(key, "has no value; give one or leave the key out");
    return nullptr;
  }
  if (value.is_structured()) {
    faults_->AddUnusable(key, absl::StrCat("expected a single value, found ", Describe(value)));
    return nullptr;
  }
  if (value.is_string()) {
    text = &value.get_ref<const std::string&>();
  } else {
    *storage = value.dump();
  }
  if (text->find('\0') != std::string::npos) {  // where the system would take it to end
    faults_->AddUnusable(key, absl::StrCat("'", *text, "' has a zero byte"));
    return nullptr;
  }
  return text;
}

bool MappingReader::IsList(const Document& value, const std::string& key) {
  if (value.is_array()) return true;
  // What would be right is said as the file's language has it.
  std::string hint;
  if (value.is_primitive()) {
    hint = absl::StrCat("; write [", faults_->is_file() ? ScalarText(value) : value.dump(), "]");
  } else if (faults_->is_file()) {
    hint = "; begin each element with '-'";
  }
  faults_->AddUnusable(key, value.is_null()
                                ? "has no value; write [] for an empty list"
                                : absl::StrCat("expected a list, found ", Describe(value), hint));
  return false;
}

bool MappingReader::IsMapping(const Document& value, const std::string& key) {
  if (value.is_object()) return true;
  faults_->AddUnusable(
      key, value.is_null()
               ? "has no value; give its keys or leave it out"
               : absl::StrCat("expected a mapping (key: value), found ", Describe(value)));
  return false;
}

}  // namespace podwarp
