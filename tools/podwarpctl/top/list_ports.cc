#include "top/lists.h"

namespace podwarp::ctl {

Listing ListPorts(const Rates& rates) {
  constexpr auto kRight = Align::kRight;
  Listing listing = {.noun = "port",
                     .own_order = "most frames first",
                     .columns = {{"PORT", Align::kLeft, Cut::kMiddle, 14},
                                 {"RX/S", kRight},
                                 {"RX BIT", kRight},
                                 {"TX/S", kRight},
                                 {"TX BIT", kRight},
                                 {"DROPS/S", kRight},
                                 {"LOST/S", kRight},
                                 {"MOSTLY", Align::kLeft, Cut::kEnd, 8},
                                 {"STATE", Align::kLeft, Cut::kEnd, 4}},
                     .rows = {}};
  for (const PortRate& port : *rates.ports) {
    const TrafficRate& traffic = port.traffic;
    listing.rows.push_back({{port.name},
                            RateCell(rates, traffic.received_frames),
                            RateCell(rates, traffic.received_bits),
                            RateCell(rates, traffic.transmitted_frames),
                            RateCell(rates, traffic.transmitted_bits),
                            RateCell(rates, traffic.dropped_frames),
                            RateCell(rates, port.lost_frames),
                            {port.mostly_dropped},
                            {port.state}});
  }
  return listing;
}

}  // namespace podwarp::ctl
