// Reads typed values out of one mapping of a configuration or of a body of the API.
//
// Nothing is returned and nothing throws: what is wrong goes to the ConfigFaults with its key,
// reading goes on, and the value keeps what it held. A `parse` is anything that makes an
// absl::StatusOr<T> of a const std::string&; the message of its error is the fault. JSON's numbers
// and booleans are read as the text that YAML would have for them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/config_faults.h"
#include "control/document.h"

namespace podwarp {

class MappingReader {
 public:
  // `key` is the mapping's own. Null reads as a mapping without keys; else it is one, and outlives
  // the reader.
  MappingReader(const Document* mapping, std::string key, ConfigFaults* faults)
      : mapping_(mapping), key_(std::move(key)), faults_(faults) {}
  // Every key that nobody has asked for is a fault.
  ~MappingReader();
  MappingReader(const MappingReader&) = delete;
  MappingReader& operator=(const MappingReader&) = delete;

  // A `name` outlives the reader: it is a word of the program's.
  bool Has(std::string_view name) { return Find(name) != nullptr; }
  // It is a fault if the mapping lacks `name`. Goes before the call that reads it.
  void Require(std::string_view name);
  // It is a fault unless the mapping has one of `names`, and only one.
  void RequireOneOf(std::initializer_list<std::string_view> names);

  // A single value. *value is left alone if the key is absent.
  template <typename Parse, typename T>
  void Scalar(std::string_view name, Parse parse, T* value) {
    if (const Document* found = Find(name)) ReadScalar(*found, PathOf(name), parse, value);
  }

  // A list of single values. An element that can't be read is T(), so that indexes stay true.
  template <typename Parse, typename T>
  void List(std::string_view name, Parse parse, std::vector<T>* values) {
    ForEach(name, [&](const Document* element, const std::string& key) {
      ReadScalar(*element, key, parse, &values->emplace_back());
    });
  }

  // A mapping in this one: read(MappingReader*). Called also if the key is absent, so that what is
  // required in it gets its fault.
  template <typename Read>
  void Mapping(std::string_view name, Read read) {
    const Document* found = Find(name);
    if (found != nullptr && !IsMapping(*found, PathOf(name))) return;
    MappingReader reader(found, PathOf(name), faults_);
    read(&reader);
  }

  // A list of mappings: read(MappingReader*, T*) for each.
  template <typename T, typename Read>
  void MappingList(std::string_view name, std::vector<T>* values, Read read) {
    ForEach(name, [&](const Document* element, const std::string& key) {
      T* value = &values->emplace_back();
      if (!IsMapping(*element, key)) return;
      MappingReader reader(element, key, faults_);
      read(&reader, value);
    });
  }

 private:
  template <typename Parse, typename T>
  void ReadScalar(const Document& scalar, const std::string& key, Parse parse, T* value) {
    std::string storage;
    const std::string* text = TextOf(scalar, key, &storage);
    if (text == nullptr) return;
    auto parsed = parse(*text);
    if (parsed.ok()) {
      *value = *std::move(parsed);
    } else {
      faults_->AddUnusable(key, std::string(parsed.status().message()));
    }
  }

  // read(element, its key) for each element of the list.
  void ForEach(std::string_view name,
               absl::FunctionRef<void(const Document*, const std::string&)> read);

  std::string PathOf(std::string_view name) const;
  // The value of a key that this mapping may have; null if it is absent.
  const Document* Find(std::string_view name);
  // These add the fault if the value is something else. The text of what isn't text is put into
  // *storage.
  const std::string* TextOf(const Document& value, const std::string& key, std::string* storage);
  bool IsList(const Document& value, const std::string& key);
  bool IsMapping(const Document& value, const std::string& key);

  const Document* const mapping_;
  const std::string key_;
  ConfigFaults* const faults_;
  std::vector<std::string_view> known_;
};

}  // namespace podwarp
