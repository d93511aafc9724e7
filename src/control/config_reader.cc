#include "control/config_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/near_miss.h"

namespace podwarp {
namespace {

std::string Describe(const YAML::Node& node) {
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a mapping of keys to values";
  return absl::StrCat("the single value '", node.Scalar(), "'");
}

}  // namespace

MappingReader::MappingReader(const YAML::Node& node, std::string key, ConfigFaults* faults)
    : key_(std::move(key)), faults_(faults) {
  if (!node.IsDefined()) return;
  if (key_.empty()) faults_->SetLine("", node.Mark().line + 1);  // others have their key's line
  for (const auto& entry : node) {
    const int line = entry.first.Mark().line + 1;
    if (!entry.first.IsScalar()) {
      faults_->AddStray(key_, absl::StrCat("has ", Describe(entry.first), " as a key on line ",
                                           line, "; expected a word"));
      continue;
    }
    const std::string& name = entry.first.Scalar();
    if (entries_.contains(name)) {  // yaml-cpp keeps both
      faults_->AddStray(PathOf(name), absl::StrCat("is given again on line ", line, "; keep one"));
      continue;
    }
    entries_.emplace(name, entry.second);
    faults_->SetLine(PathOf(name), line);
  }
}

MappingReader::~MappingReader() {
  for (const auto& [name, node] : entries_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    faults_->AddStray(PathOf(name), absl::StrCat("unknown key", DidYouMean(name, known_)));
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

const YAML::Node* MappingReader::Find(std::string_view name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.emplace_back(name);
  const auto entry = entries_.find(std::string(name));
  return entry == entries_.end() ? nullptr : &entry->second;
}

bool MappingReader::IsScalar(const YAML::Node& node, const std::string& key) {
  if (node.IsScalar()) return true;
  faults_->AddUnusable(key, node.IsNull()
                                ? "has no value; give one or leave the key out"
                                : absl::StrCat("expected a single value, found ", Describe(node)));
  return false;
}

bool MappingReader::IsList(const YAML::Node& node, const std::string& key) {
  if (node.IsSequence()) return true;
  faults_->AddUnusable(key, node.IsNull()
                                ? "has no value; write [] for an empty list"
                                : absl::StrCat("expected a list, found ", Describe(node),
                                               node.IsScalar() ? "; write [" + node.Scalar() + "]"
                                                               : "; begin each element with '-'"));
  return false;
}

bool MappingReader::IsMapping(const YAML::Node& node, const std::string& key) {
  if (node.IsMap()) return true;
  faults_->AddUnusable(
      key, node.IsNull() ? "has no value; give its keys or leave it out"
                         : absl::StrCat("expected a mapping (key: value), found ", Describe(node)));
  return false;
}

}  // namespace podwarp
