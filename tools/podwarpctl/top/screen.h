// What `top` shows, as lines of text.
#pragma once

#include <string>
#include <vector>

#include "top/rates.h"

namespace podwarp::ctl {

struct ScreenSize {
  size_t width = 80;
  size_t height = 24;
};

// At most as many lines as the screen has, none wider. Workers, ports and drops share it: none
// takes from another what that needs; what has no room is counted.
std::vector<std::string> ScreenOf(const Rates& rates, const ScreenSize& size);

// How many lines each of those that need so many gets, if there are so many for all. None gets more
// than it needs, and none is short while another has more than a fair part.
std::vector<size_t> Share(const std::vector<size_t>& needs, size_t lines);

}  // namespace podwarp::ctl
