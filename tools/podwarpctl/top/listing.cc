#include "top/listing.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace podwarp::ctl {
namespace {

constexpr size_t kGap = 2;

std::string Shown(const Cell& cell) { return cell.text.empty() ? "-" : Printable(cell.text); }

std::vector<size_t> NaturalWidths(const Listing& listing) {
  std::vector<size_t> widths;
  for (const ListColumn& column : listing.columns) widths.push_back(WidthOf(column.heading));
  for (const std::vector<Cell>& row : listing.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], WidthOf(Shown(row[i])));
    }
  }
  return widths;
}

// Who has most beyond what it is to keep gives first; none becomes narrower than its heading.
std::vector<size_t> FittingWidths(const Listing& listing, size_t width) {
  std::vector<size_t> widths = NaturalWidths(listing);
  size_t sum = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  for (; sum > width; --sum) {
    std::optional<size_t> giver;
    const auto beyond = [&](size_t i) {
      return static_cast<int64_t>(widths[i]) - static_cast<int64_t>(listing.columns[i].least);
    };
    for (size_t i = 0; i < widths.size(); ++i) {
      const ListColumn& column = listing.columns[i];
      if (column.cut == Cut::kNever || widths[i] <= WidthOf(column.heading)) continue;
      if (!giver.has_value() || beyond(i) > beyond(*giver)) giver = i;
    }
    if (!giver.has_value()) break;  // what is at the right is left out
    --widths[*giver];
  }
  return widths;
}

std::string LineOf(const Listing& listing, const std::vector<size_t>& widths,
                   const std::vector<std::string>& texts) {
  std::string line;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    const std::string text = Shorten(texts[i], widths[i], listing.columns[i].cut);
    const size_t padding = widths[i] - std::min(widths[i], WidthOf(text));
    if (listing.columns[i].align == Align::kRight) line.append(padding, ' ');
    line += text;
    if (listing.columns[i].align == Align::kLeft) line.append(padding, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void Sort(const Order& order, Listing* listing) {
  auto& rows = listing->rows;
  if (order.column == 0 || order.column > listing->columns.size()) {
    if (order.is_reversed) std::reverse(rows.begin(), rows.end());
    return;
  }
  const size_t column = order.column - 1;
  const bool by_number = listing->columns[column].align == Align::kRight;
  std::stable_sort(rows.begin(), rows.end(), [&](const auto& left, const auto& right) {
    const Cell& a = (order.is_reversed ? right : left)[column];
    const Cell& b = (order.is_reversed ? left : right)[column];
    return by_number ? a.number > b.number : a.text < b.text;
  });
}

std::string InWords(const Order& order, const Listing& listing) {
  if (order.column == 0 || order.column > listing.columns.size()) {
    return absl::StrCat(listing.own_order, order.is_reversed ? ", reversed" : "");
  }
  const ListColumn& column = listing.columns[order.column - 1];
  const char* const first = column.align == Align::kRight
                                ? (order.is_reversed ? "lowest" : "highest")
                                : (order.is_reversed ? "Z" : "A");
  return absl::StrCat("by ", absl::AsciiStrToLower(column.heading), ", ", first, " first");
}

std::vector<std::string> LinesOf(const Listing& listing, size_t first, size_t count, size_t width) {
  const std::vector<size_t> widths = FittingWidths(listing, width);
  std::vector<std::string> headings;
  for (const ListColumn& column : listing.columns) headings.push_back(column.heading);
  std::vector<std::string> lines = {LineOf(listing, widths, headings)};
  for (size_t i = first; i < listing.rows.size() && i - first < count; ++i) {
    std::vector<std::string> texts;
    for (const Cell& cell : listing.rows[i]) texts.push_back(Shown(cell));
    lines.push_back(LineOf(listing, widths, texts));
  }
  for (std::string& line : lines) line = Clip(line, width);
  return lines;
}

std::string Shorten(const std::string& text, size_t width, Cut cut) {
  if (cut == Cut::kNever || WidthOf(text) <= width) return text;
  if (width < 3 || cut == Cut::kEnd) return Clip(text, width);
  // Names are ASCII; of what isn't, only whole characters stay.
  const size_t beginning = (width + 1) / 3;
  std::string end = text;
  while (WidthOf(end) > width - 1 - beginning) end.erase(0, Clip(end, 1).size());
  return absl::StrCat(Clip(text, beginning), "~", end);
}

}  // namespace podwarp::ctl
