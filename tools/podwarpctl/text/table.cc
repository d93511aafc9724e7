#include "text/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp::ctl {
namespace {

constexpr size_t kGap = 2;

bool IsInsideCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(WidthOf(column.heading));
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = cells[i].empty() ? "-" : Printable(cells[i]);
    widths_[i] = std::max(widths_[i], WidthOf(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

void Table::Write(std::ostream* out) {
  for (const std::string& line : TakeLines()) *out << line << '\n';
}

std::vector<std::string> Table::TakeLines() {
  std::vector<std::string> lines;
  if (!has_headings_) {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.push_back(column.heading);
    lines.push_back(Line(headings));
    has_headings_ = true;
  }
  for (const std::vector<std::string>& row : rows_) lines.push_back(Line(row));
  rows_.clear();
  return lines;
}

std::string Table::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    const size_t padding = widths_[i] - WidthOf(cells[i]);
    if (columns_[i].align == Align::kRight) line.append(padding, ' ');
    line += cells[i];
    if (columns_[i].align == Align::kLeft) line.append(padding, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

size_t WidthOf(std::string_view utf8) {
  return utf8.size() -
         static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), IsInsideCharacter));
}

std::string Clip(std::string_view utf8, size_t width) {
  size_t end = 0;
  for (size_t characters = 0; end < utf8.size(); ++end) {
    if (!IsInsideCharacter(utf8[end]) && ++characters > width) break;
  }
  return std::string(utf8.substr(0, end));
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return printable;
}

}  // namespace podwarp::ctl
