// What a telemetry command answers: a dictionary that is built as plain data, knows how long it
// will be as JSON, and is only then handed to DPDK.
//
// DPDK cuts off or leaves out, without a word, what doesn't fit its limits (rte_telemetry.h and
// lib/telemetry/telemetry.c of 22.11: 16 KiB an answer, 256 keys, 512 list entries, 127 bytes a
// string). Here each limit is kept by name: a list or string says that it was cut, and a long list
// of things comes in pages.
//
// Thread rule: a value like any other.
#pragma once

#include <rte_telemetry.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace podwarp {

// The JSON of one answer, without DPDK's frame around it: {"COMMAND": ... }, with a command of at
// most 55 bytes.
inline constexpr size_t kMaxAnswerBytes = 16 * 1024 - 64;
// Of a list inside an entry (a pod's addresses). Whatever an entry of a page holds, it then fits.
inline constexpr size_t kMaxListItems = 32;
inline constexpr size_t kMaxPageEntries = RTE_TEL_MAX_DICT_ENTRIES;

class AnswerDict {
 public:
  struct Entry;
  using List = std::vector<std::string>;
  using Value = std::variant<uint64_t, std::string, List, AnswerDict>;

  // Keys are of [A-Za-z0-9_/], at most 127 bytes, and at most 256 in a dictionary: CHECKed, since
  // they are the code's own words, never data.
  // A string over 127 bytes ends in "..."; bytes outside printable ASCII become '?', since DPDK
  // 22.11 takes a char over 127 for a negative array index.
  AnswerDict& Add(std::string_view key, std::string_view text);
  AnswerDict& Add(std::string_view key, const char* text) {
    return Add(key, std::string_view(text));
  }
  AnswerDict& Add(std::string_view key, uint64_t number);
  AnswerDict& Add(std::string_view key, double number);  // as text with two decimals: DPDK has none
  AnswerDict& Add(std::string_view key, bool value);     // 1 or 0: DPDK has no truth values
  // Beyond kMaxListItems the last one says how many more there are.
  AnswerDict& Add(std::string_view key, const List& list);
  AnswerDict& Add(std::string_view key, AnswerDict dict);
  // A dictionary by number, since DPDK 22.11 has no list of them. Beyond kMaxListItems the last one
  // is {"more": N}.
  AnswerDict& Add(std::string_view key, const std::vector<AnswerDict>& list);

  const std::vector<Entry>& entries() const { return entries_; }
  size_t JsonBytes() const { return 2 + bytes_; }

 private:
  AnswerDict& AddValue(std::string_view key, Value value, size_t bytes);

  std::vector<Entry> entries_;
  size_t bytes_ = 0;  // between the braces
};

struct AnswerDict::Entry {
  std::string key;
  Value value;
};

// {"error": sentence}
AnswerDict AnswerError(std::string_view sentence);

// {"total", "start", "entries", "next"}: as many of `total` things, from number `start` on, as one
// answer holds; `entry(i)` describes the i-th. "entries" is a dictionary by number, since
// DPDK 22.11 has no list of dictionaries. "next" is the START of the next page, absent on the last.
AnswerDict AnswerPage(size_t total, size_t start, const std::function<AnswerDict(size_t)>& entry);

// Hands it to DPDK. An answer that is too long, or that there is no memory for, becomes an error.
void WriteAnswer(const AnswerDict& answer, rte_tel_data* data);

}  // namespace podwarp
