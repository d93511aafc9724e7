// All faults of a configuration, and where each of its values was said.
//
// A key is a path from the top of the file: "node_name", "pods[1].addresses[0]"; "" is the whole.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace podwarp {

// The key of a list's element, "pods[1]", and of a value in it, "pods[1].mac".
std::string KeyOf(std::string_view list, size_t index);
std::string KeyOf(std::string_view list, size_t index, std::string_view name);
// Of a value in the mapping `key`, "pods[1].mac", or in the whole, "mac".
std::string Within(std::string_view key, std::string_view name);

class ConfigFaults {
 public:
  // `file` stands for the file in messages.
  explicit ConfigFaults(std::string file) : file_(std::move(file)) {}
  // Of what has no lines: messages begin with the key.
  ConfigFaults() = default;
  bool is_file() const { return !file_.empty(); }

  // Where the value of `key` was said. The command line has the last word. A key that was placed
  // nowhere is where the nearest one around it is.
  void SetLine(const std::string& key, int line);
  void SetFlag(const std::string& key, const std::string& flag);
  // "pods[1].mac (line 12)" or "node_name (--node_name)": for messages about another key. Without a
  // file the key alone.
  std::string Named(const std::string& key) const;

  // The value is wrong: `what` is, and what would be right. Without effect if it can't be used.
  void Add(const std::string& key, std::string_view what);
  // The same for a value that is missing or can't be read. What stands in its place in the Config
  // means nothing, so the key, and what lies under it, has no more faults.
  void AddUnusable(const std::string& key, std::string_view what);
  // Something stands there that has no place: a key that is unknown, or given again.
  void AddStray(const std::string& key, std::string_view what) { Append(key, what); }
  // No part of the value, and nothing around it, is unusable.
  bool Usable(const std::string& key) const;

  bool empty() const { return faults_.empty(); }
  // OK, or InvalidArgument: the command line's faults, then the file's by line, each a line.
  absl::Status ToStatus() const;

 private:
  struct Place {
    int line = 1;
    std::string flag;  // of the command line, in place of the line
  };
  struct Fault {
    int line;  // 0 = the command line
    std::string text;
  };

  Place Find(std::string key) const;
  bool InsideUnusable(std::string key) const;
  void Append(const std::string& key, std::string_view what);

  const std::string file_;
  std::map<std::string, Place> places_;
  std::set<std::string> unusable_;
  std::vector<Fault> faults_;
};

}  // namespace podwarp
