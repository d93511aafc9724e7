// A list of what `top` shows on a whole screen: sorted by any column, and cut to the screen's
// width.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/table.h"

namespace podwarp::ctl {

struct Cell {
  std::string text;
  double number = 0;  // what a column of numbers is sorted by
};

// How a text may become shorter: names keep their beginning and their end, which tells pods of one
// deployment apart.
enum class Cut : uint8_t { kNever, kMiddle, kEnd };

struct ListColumn {
  std::string heading;
  Align align = Align::kLeft;  // right: numbers
  Cut cut = Cut::kNever;
  size_t least = 0;  // what it keeps while others have more than theirs
};

struct Listing {
  std::string noun;       // of one: "pod"
  std::string own_order;  // that the rows are in, in words
  std::vector<ListColumn> columns;
  std::vector<std::vector<Cell>> rows;
};

struct Order {
  size_t column = 0;  // from 1 on; 0: the list's own
  bool is_reversed = false;
};
// Numbers from the highest on, texts from A on; equal ones stay in the list's own order.
void Sort(const Order& order, Listing* listing);
// "rx/s, highest first"
std::string InWords(const Order& order, const Listing& listing);

// The headings, and the rows that begin with number `first`, at most `count`. Columns are as wide
// as all rows need, if that fits.
std::vector<std::string> LinesOf(const Listing& listing, size_t first, size_t count, size_t width);

// In no more than `width` characters.
std::string Shorten(const std::string& text, size_t width, Cut cut);

}  // namespace podwarp::ctl
