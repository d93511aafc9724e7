// What `top` shows, as lines of text.
#pragma once

#include <string>
#include <vector>

#include "top/overview.h"
#include "top/rates.h"
#include "top/state.h"

namespace podwarp::ctl {

// As many lines as the screen has at most, none wider. What has no room is counted. The state of
// the list that is drawn is brought into its bounds.
std::vector<std::string> ScreenOf(const Rates& rates, const ScreenSize& size, ScreenState* state);

// For pipes: a list whole, and the overview as on a terminal of 80x24.
std::vector<std::string> TextOf(const Rates& rates, View view);

}  // namespace podwarp::ctl
