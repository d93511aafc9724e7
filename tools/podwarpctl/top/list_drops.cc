#include "text/numbers.h"
#include "top/lists.h"

namespace podwarp::ctl {

Listing ListDrops(const Rates& rates) {
  constexpr auto kRight = Align::kRight;
  Listing listing = {.noun = "drop reason",
                     .own_order = "most frames first",
                     .columns = {{"REASON"},
                                 {"FRAMES/S", kRight},
                                 {"TOTAL", kRight},
                                 {"LAST PORT", Align::kLeft, Cut::kMiddle, 14},
                                 {"LAST POD", Align::kLeft, Cut::kMiddle, 14},
                                 {"MEANING", Align::kLeft, Cut::kEnd, 8}},
                     .rows = {}};
  for (const DropRate& drop : rates.drops) {
    listing.rows.push_back({{drop.reason},
                            RateCell(rates, drop.frames),
                            {Count(drop.total), static_cast<double>(drop.total)},
                            {drop.last_ports},
                            {drop.last_pods},
                            {drop.help}});
  }
  return listing;
}

}  // namespace podwarp::ctl
