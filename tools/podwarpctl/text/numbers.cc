#include "text/numbers.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace podwarp::ctl {

std::string Count(uint64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string Count(uint64_t number, const char* noun) {
  return absl::StrCat(Count(number), " ", noun, number == 1 ? "" : "s");
}

std::string Short(double number, const char* unit) {
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  if (!(number > 0)) number = 0;
  size_t prefix = 0;
  // What would be shown as 1000 has the next prefix.
  while (number >= 999.5 && prefix + 1 < std::size(kPrefixes)) {
    number /= 1000;
    ++prefix;
  }
  const int decimals = number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  std::string digits = absl::StrFormat("%.*f", decimals, number);
  if (prefix == 0 && decimals > 0) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  const std::string whole_unit = absl::StrCat(kPrefixes[prefix], unit);
  return whole_unit.empty() ? digits : absl::StrCat(digits, " ", whole_unit);
}

std::string Span(uint64_t seconds) {
  const uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0) return absl::StrCat(Count(days), " d ", hours % 24, " h");
  if (hours > 0) return absl::StrCat(hours, " h ", minutes % 60, " min");
  if (minutes > 0) return absl::StrCat(minutes, " min ", seconds % 60, " s");
  return absl::StrCat(seconds, " s");
}

}  // namespace podwarp::ctl
