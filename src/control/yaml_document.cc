#include "control/yaml_document.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

// What no file comes near, but an alias inside of what it stands for would pass.
constexpr size_t kMostLevels = 32;

std::string DescribeKey(const YAML::Node& node) {
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a mapping of keys to values";
  return absl::StrCat("the single value '", node.Scalar(), "'");
}

class Converter {
 public:
  Converter(size_t most_values, ConfigFaults* faults)
      : most_values_(most_values), faults_(faults) {}

  Document Convert(const YAML::Node& node, const std::string& key, size_t level) {
    if (!HasRoom(key, level)) return nullptr;
    if (node.IsMap()) return ConvertMapping(node, key, level);
    if (node.IsSequence()) return ConvertList(node, key, level);
    if (node.IsScalar()) return node.Scalar();
    return nullptr;
  }

 private:
  Document ConvertMapping(const YAML::Node& node, const std::string& key, size_t level) {
    Document mapping = Document::object();
    for (const auto& entry : node) {
      const int line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) {
        faults_->AddStray(key, absl::StrCat("has ", DescribeKey(entry.first), " as a key on line ",
                                            line, "; expected a word"));
        continue;
      }
      const std::string& name = entry.first.Scalar();
      const std::string path = key.empty() ? name : absl::StrCat(key, ".", name);
      if (mapping.contains(name)) {  // yaml-cpp keeps both
        faults_->AddStray(path, absl::StrCat("is given again on line ", line, "; keep one"));
        continue;
      }
      faults_->SetLine(path, line);
      mapping[name] = Convert(entry.second, path, level + 1);
    }
    return mapping;
  }

  Document ConvertList(const YAML::Node& node, const std::string& key, size_t level) {
    Document list = Document::array();
    for (const YAML::Node& element : node) {
      const std::string path = KeyOf(key, list.size());
      faults_->SetLine(path, element.Mark().line + 1);
      list.push_back(Convert(element, path, level + 1));
    }
    return list;
  }

  bool HasRoom(const std::string& key, size_t level) {
    if (level > kMostLevels) {
      faults_->AddUnusable(key, "is nested too deeply");
      return false;
    }
    if (values_++ == most_values_) {
      faults_->AddUnusable(
          "", absl::StrCat("aliases (*name) unfold to more than ", most_values_, " values"));
    }
    return values_ <= most_values_;
  }

  const size_t most_values_;
  ConfigFaults* const faults_;
  size_t values_ = 0;
};

}  // namespace

Document FromYaml(const YAML::Node& root, size_t most_values, ConfigFaults* faults) {
  faults->SetLine("", root.Mark().line + 1);
  return Converter(most_values, faults).Convert(root, "", 0);
}

YAML::Node ToYamlNode(const Document& document) {
  if (document.is_object()) {
    YAML::Node mapping(YAML::NodeType::Map);
    for (const auto& [name, value] : document.items()) mapping[name] = ToYamlNode(value);
    return mapping;
  }
  if (document.is_array()) {
    YAML::Node list(YAML::NodeType::Sequence);
    bool single = true;
    for (const Document& value : document) {
      single = single && value.is_primitive();
      list.push_back(ToYamlNode(value));
    }
    if (single) list.SetStyle(YAML::EmitterStyle::Flow);
    return list;
  }
  if (document.is_string()) return YAML::Node(document.get_ref<const std::string&>());
  if (document.is_null()) return YAML::Node(YAML::NodeType::Null);
  return YAML::Node(document.dump());
}

}  // namespace podwarp
