#include "top/lists.h"

#include "text/numbers.h"

namespace podwarp::ctl {

Cell RateCell(const Rates& rates, double rate) {
  if (rates.seconds <= 0) return {};
  return {.text = Short(rate), .number = rate};
}

Cell MeanCell(double mean) {
  if (mean <= 0) return {};
  return {.text = Short(mean), .number = mean};
}

}  // namespace podwarp::ctl
