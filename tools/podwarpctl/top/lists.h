// What stands in the lists of `top`, a screen each.
#pragma once

#include "top/listing.h"
#include "top/rates.h"

namespace podwarp::ctl {

// REQUIRES: the rates have ports, or pods.
Listing ListPorts(const Rates& rates);
Listing ListPods(const Rates& rates);
Listing ListWorkers(const Rates& rates);
Listing ListDrops(const Rates& rates);

// A second; none is known from one look.
Cell RateCell(const Rates& rates, double rate);
// 0 means that there were no frames to take it of.
Cell MeanCell(double mean);

}  // namespace podwarp::ctl
