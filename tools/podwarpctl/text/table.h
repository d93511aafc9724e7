// Tables for people: headings in capitals, columns as wide as what stands in them.
//
// Long lists come in parts. A part's columns are as wide as they need to be so far, so that no more
// than a part is kept; they never become narrower.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace podwarp::ctl {

enum class Align : uint8_t { kLeft, kRight };

struct Column {
  std::string heading;
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);

  // A cell for each column. Line breaks and other control characters are shown as spaces, and an
  // empty cell as "-".
  void Add(std::vector<std::string> cells);
  // Writes what was added since the last time, at first with the headings.
  void Write(std::ostream* out);
  // The lines that Write() would write.
  std::vector<std::string> TakeLines();

 private:
  std::string Line(const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool has_headings_ = false;  // written
};

// How many characters a text has on the screen, if each takes one place.
size_t WidthOf(std::string_view utf8);
// Its first characters, that many at most.
std::string Clip(std::string_view utf8, size_t width);
// Without line breaks and what else a terminal may take for a command.
std::string Printable(std::string_view text);

}  // namespace podwarp::ctl
