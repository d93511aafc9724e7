// Reads typed values out of one mapping of a YAML file.
//
// Nothing is returned and nothing throws: what is wrong goes to the ConfigFaults with its line and
// key, reading goes on, and the value keeps what it held. A `parse` is anything that makes an
// absl::StatusOr<T> of a const std::string&; the message of its error is the fault.
#pragma once

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/config_faults.h"

namespace podwarp {

class MappingReader {
 public:
  // `key` is the mapping's own. A node that isn't defined reads as a mapping without keys.
  MappingReader(const YAML::Node& node, std::string key, ConfigFaults* faults);
  // Every key that nobody has asked for is a fault.
  ~MappingReader();
  MappingReader(const MappingReader&) = delete;
  MappingReader& operator=(const MappingReader&) = delete;

  bool Has(std::string_view name) { return Find(name) != nullptr; }
  // It is a fault if the mapping lacks `name`. Goes before the call that reads it.
  void Require(std::string_view name);
  // It is a fault unless the mapping has one of `names`, and only one.
  void RequireOneOf(std::initializer_list<std::string_view> names);

  // A single value. *value is left alone if the key is absent.
  template <typename Parse, typename T>
  void Scalar(std::string_view name, Parse parse, T* value) {
    if (const YAML::Node* node = Find(name)) ReadScalar(*node, PathOf(name), parse, value);
  }

  // A list of single values. An element that can't be read is T(), so that indexes stay true.
  template <typename Parse, typename T>
  void List(std::string_view name, Parse parse, std::vector<T>* values) {
    ForEach(name, [&](const YAML::Node& node, const std::string& key) {
      ReadScalar(node, key, parse, &values->emplace_back());
    });
  }

  // A mapping in this one: read(MappingReader*). Called also if the key is absent, so that what is
  // required in it gets its fault.
  template <typename Read>
  void Mapping(std::string_view name, Read read) {
    const YAML::Node* node = Find(name);
    if (node != nullptr && !IsMapping(*node, PathOf(name))) return;
    MappingReader reader(node != nullptr ? *node : YAML::Node(YAML::NodeType::Undefined),
                         PathOf(name), faults_);
    read(&reader);
  }

  // A list of mappings: read(MappingReader*, T*) for each.
  template <typename T, typename Read>
  void MappingList(std::string_view name, std::vector<T>* values, Read read) {
    ForEach(name, [&](const YAML::Node& node, const std::string& key) {
      T* value = &values->emplace_back();
      if (!IsMapping(node, key)) return;
      MappingReader reader(node, key, faults_);
      read(&reader, value);
    });
  }

 private:
  template <typename Parse, typename T>
  void ReadScalar(const YAML::Node& node, const std::string& key, Parse parse, T* value) {
    if (!IsScalar(node, key)) return;
    auto parsed = parse(node.Scalar());
    if (parsed.ok()) {
      *value = *std::move(parsed);
    } else {
      faults_->AddUnusable(key, std::string(parsed.status().message()));
    }
  }

  // read(node, key) for each element of the list.
  template <typename Read>
  void ForEach(std::string_view name, Read read) {
    const YAML::Node* list = Find(name);
    if (list == nullptr || !IsList(*list, PathOf(name))) return;
    size_t index = 0;
    for (const YAML::Node& element : *list) {
      const std::string key = KeyOf(PathOf(name), index++);
      faults_->SetLine(key, element.Mark().line + 1);
      read(element, key);
    }
  }

  std::string PathOf(std::string_view name) const;
  // The value of a key that this mapping may have; null if it is absent.
  const YAML::Node* Find(std::string_view name);
  // These add the fault if the node is something else.
  bool IsScalar(const YAML::Node& node, const std::string& key);
  bool IsList(const YAML::Node& node, const std::string& key);
  bool IsMapping(const YAML::Node& node, const std::string& key);

  const std::string key_;
  ConfigFaults* const faults_;
  std::map<std::string, YAML::Node> entries_;
  std::vector<std::string> known_;
};

}  // namespace podwarp
