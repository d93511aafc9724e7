// The overview of `top`: workers, ports and drops on one screen.
#pragma once

#include <string>
#include <vector>

#include "top/rates.h"

namespace podwarp::ctl {

struct ScreenSize {
  size_t width = 80;
  size_t height = 24;
};

// The node, and the traffic of all ports: two lines on top of each view, as wide as they need.
std::vector<std::string> HeadOf(const Rates& rates);

// At most that many lines, none wider, without the head. Workers, ports and drops share them: none
// takes from another what that needs; what has no room is counted. REQUIRES: the rates have ports.
std::vector<std::string> OverviewOf(const Rates& rates, const ScreenSize& size);

// How many lines each of those that need so many gets, if there are so many for all. None gets more
// than it needs, and none is short while another has more than a fair part.
std::vector<size_t> Share(const std::vector<size_t>& needs, size_t lines);

}  // namespace podwarp::ctl
