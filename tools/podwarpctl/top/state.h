// What the user of `top` has chosen by keys.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "top/listing.h"
#include "top/view.h"

namespace podwarp::ctl {

struct ListState {
  Order order;
  size_t first = 0;  // the first row that is shown
  // As it was drawn last.
  size_t columns = 0;
  size_t rows_shown = 1;
};

struct ScreenState {
  View view = View::kOverview;
  bool is_frozen = false;
  bool shows_keys = false;
  std::array<ListState, kViews.size()> lists;  // by View: each as it was left

  ListState& list() { return lists[static_cast<size_t>(view)]; }
};

// Does what a key is for; false if it quits.
bool Press(int key, ScreenState* state);

// The last line: "o overview  [p ports]  ...".
std::string KeysLine(const ScreenState& state);
// What all keys do.
std::vector<std::string> KeysHelp();

}  // namespace podwarp::ctl
