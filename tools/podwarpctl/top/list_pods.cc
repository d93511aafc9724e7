#include "top/lists.h"

namespace podwarp::ctl {

Listing ListPods(const Rates& rates) {
  constexpr auto kRight = Align::kRight;
  Listing listing = {.noun = "pod",
                     .own_order = "most frames first",
                     .columns = {{"POD", Align::kLeft, Cut::kMiddle, 16},
                                 {"RX/S", kRight},
                                 {"RX BIT", kRight},
                                 {"TX/S", kRight},
                                 {"TX BIT", kRight},
                                 {"DROPS/S", kRight},
                                 {"MOSTLY", Align::kLeft, Cut::kEnd, 12},
                                 {"STATE", Align::kLeft, Cut::kEnd, 4}},
                     .rows = {}};
  for (const PodRate& pod : *rates.pods) {
    const TrafficRate& traffic = pod.traffic;
    listing.rows.push_back({{pod.name},
                            RateCell(rates, traffic.received_frames),
                            RateCell(rates, traffic.received_bits),
                            RateCell(rates, traffic.transmitted_frames),
                            RateCell(rates, traffic.transmitted_bits),
                            RateCell(rates, traffic.dropped_frames),
                            {pod.mostly_dropped},
                            {pod.state}});
  }
  return listing;
}

}  // namespace podwarp::ctl
