#include "telemetry/answer.h"

#include <glog/logging.h>
#include <rte_version.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace podwarp {
namespace {

constexpr size_t kMaxStringBytes = RTE_TEL_MAX_STRING_LEN - 1;
constexpr std::string_view kCut = "...";

bool IsKey(std::string_view key) {
  return key.size() <= kMaxStringBytes && std::all_of(key.begin(), key.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '/';
         });
}

std::string Fit(std::string_view text) {
  std::string fit(text.substr(0, kMaxStringBytes));
  for (char& c : fit) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  if (text.size() > kMaxStringBytes) fit.replace(fit.size() - kCut.size(), kCut.size(), kCut);
  return fit;
}

size_t QuotedBytes(std::string_view text) {
  const auto escaped =
      std::count_if(text.begin(), text.end(), [](char c) { return c == '"' || c == '\\'; });
  return text.size() + static_cast<size_t>(escaped) + 2;
}

// "key":value,
size_t EntryBytes(std::string_view key, size_t value_bytes) {
  return QuotedBytes(key) + 1 + value_bytes + 1;
}

int AddNumber(rte_tel_data* data, const char* key, uint64_t number) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
  return rte_tel_data_add_dict_uint(data, key, number);
#else
  return rte_tel_data_add_dict_u64(data, key, number);
#endif
}

bool Write(const AnswerDict& dict, rte_tel_data* data);

// The container is DPDK's once it hangs in another one, and freed when it has been sent.
template <typename FillIn>
bool AddContainer(rte_tel_data* data, const char* key, const FillIn& fill_in) {
  rte_tel_data* container = rte_tel_data_alloc();
  if (container == nullptr) return false;
  const bool is_whole = fill_in(container);
  if (rte_tel_data_add_dict_container(data, key, container, /*keep=*/0) < 0) {
    rte_tel_data_free(container);
    return false;
  }
  return is_whole;
}

bool WriteValue(const char* key, uint64_t number, rte_tel_data* data) {
  return AddNumber(data, key, number) == 0;
}

bool WriteValue(const char* key, const std::string& text, rte_tel_data* data) {
  return rte_tel_data_add_dict_string(data, key, text.c_str()) == 0;
}

bool WriteValue(const char* key, const AnswerDict::List& list, rte_tel_data* data) {
  return AddContainer(data, key, [&](rte_tel_data* array) {
    rte_tel_data_start_array(array, RTE_TEL_STRING_VAL);
    return std::all_of(list.begin(), list.end(), [&](const std::string& item) {
      return rte_tel_data_add_array_string(array, item.c_str()) == 0;
    });
  });
}

bool WriteValue(const char* key, const AnswerDict& inner, rte_tel_data* data) {
  return AddContainer(data, key, [&](rte_tel_data* dict) { return Write(inner, dict); });
}

bool Write(const AnswerDict& dict, rte_tel_data* data) {
  rte_tel_data_start_dict(data);
  return std::all_of(
      dict.entries().begin(), dict.entries().end(), [&](const AnswerDict::Entry& entry) {
        return std::visit(
            [&](const auto& value) { return WriteValue(entry.key.c_str(), value, data); },
            entry.value);
      });
}

}  // namespace

AnswerDict& AnswerDict::AddValue(std::string_view key, Value value, size_t bytes) {
  CHECK(IsKey(key)) << key;
  CHECK_LT(entries_.size(), size_t{RTE_TEL_MAX_DICT_ENTRIES}) << key;
  bytes_ += EntryBytes(key, bytes);
  entries_.push_back({std::string(key), std::move(value)});
  return *this;
}

AnswerDict& AnswerDict::Add(std::string_view key, double number) {
  return Add(key, absl::StrFormat("%.2f", number));
}

AnswerDict& AnswerDict::Add(std::string_view key, uint64_t number) {
  return AddValue(key, number, std::to_string(number).size());
}

AnswerDict& AnswerDict::Add(std::string_view key, bool value) { return Add(key, uint64_t{value}); }

AnswerDict& AnswerDict::Add(std::string_view key, std::string_view text) {
  std::string fit = Fit(text);
  const size_t bytes = QuotedBytes(fit);
  return AddValue(key, std::move(fit), bytes);
}

AnswerDict& AnswerDict::Add(std::string_view key, const List& list) {
  List fit;
  size_t bytes = 2;
  const auto append = [&](std::string_view item) {
    fit.push_back(Fit(item));
    bytes += QuotedBytes(fit.back()) + 1;
  };
  const bool is_cut = list.size() > kMaxListItems;
  const size_t shown = is_cut ? kMaxListItems - 1 : list.size();
  for (size_t i = 0; i < shown; ++i) append(list[i]);
  if (is_cut) append(absl::StrCat("and ", list.size() - shown, " more"));
  return AddValue(key, std::move(fit), bytes);
}

AnswerDict& AnswerDict::Add(std::string_view key, AnswerDict dict) {
  const size_t bytes = dict.JsonBytes();
  return AddValue(key, std::move(dict), bytes);
}

AnswerDict& AnswerDict::Add(std::string_view key, const std::vector<AnswerDict>& list) {
  const bool is_cut = list.size() > kMaxListItems;
  const size_t shown = is_cut ? kMaxListItems - 1 : list.size();
  AnswerDict entries;
  for (size_t i = 0; i < shown; ++i) entries.Add(std::to_string(i), list[i]);
  if (is_cut) {
    entries.Add(std::to_string(shown), AnswerDict().Add("more", uint64_t{list.size() - shown}));
  }
  return Add(key, std::move(entries));
}

AnswerDict AnswerError(std::string_view sentence) { return AnswerDict().Add("error", sentence); }

AnswerDict AnswerPage(size_t total, size_t start, const std::function<AnswerDict(size_t)>& entry) {
  if (start > total) {
    return AnswerError(absl::StrCat("START is ", start, ", but there are only ", total));
  }
  constexpr size_t kAround = 128;  // total, start, next, entries, at their longest
  AnswerDict entries;
  size_t next = start;
  for (; next < total && entries.entries().size() < kMaxPageEntries; ++next) {
    const std::string key = std::to_string(next);
    AnswerDict one = entry(next);
    if (one.JsonBytes() + key.size() > kMaxAnswerBytes - 2 * kAround) {
      one = AnswerError("too long for an answer");  // every page must bring the reader forward
    }
    if (entries.JsonBytes() + EntryBytes(key, one.JsonBytes()) > kMaxAnswerBytes - kAround) break;
    entries.Add(key, std::move(one));
  }
  AnswerDict page;
  page.Add("total", uint64_t{total}).Add("start", uint64_t{start});
  if (next < total) page.Add("next", uint64_t{next});
  page.Add("entries", std::move(entries));
  return page;
}

void WriteAnswer(const AnswerDict& answer, rte_tel_data* data) {
  const bool fits = answer.JsonBytes() <= kMaxAnswerBytes;
  if (fits && Write(answer, data)) return;
  // Containers that already hang in `data` are lost: only where there is no memory left at all.
  Write(AnswerError(fits ? "no memory for the answer" : "too long for an answer"), data);
}

}  // namespace podwarp
