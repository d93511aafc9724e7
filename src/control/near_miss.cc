#include "control/near_miss.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

// The Levenshtein distance, a row of the table at a time.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string NearestWord(std::string_view word, const std::vector<std::string>& known) {
  constexpr size_t kLongestWord = 64;  // what is longer is no slip of the finger
  if (word.size() > kLongestWord) return "";
  std::string nearest;
  size_t least = kLongestWord;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < least && distance <= std::max(word.size(), candidate.size()) / 3) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& known) {
  if (known.empty()) return "";
  const std::string nearest = NearestWord(word, known);
  if (!nearest.empty()) return absl::StrCat(" (did you mean '", nearest, "'?)");
  constexpr size_t kMostListed = 32;
  if (known.size() > kMostListed) return "";
  return absl::StrCat(" (known: ", absl::StrJoin(known, ", "), ")");
}

}  // namespace podwarp
