#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "top/lists.h"

namespace podwarp::ctl {

Listing ListWorkers(const Rates& rates) {
  constexpr auto kRight = Align::kRight;
  Listing listing = {.noun = "worker",
                     .own_order = "as podwarp numbers them",
                     .columns = {{"LCORE", kRight},

                                 {"BUSY %", kRight},
                                 {"RX/S", kRight},
                                 {"TX/S", kRight},
                                 {"DROPS/S", kRight},
                                 {"CYCLES", kRight},
                                 {"BURST", kRight},
                                 {"SLEEPS/S", kRight},
                                 {"P50 US", kRight},
                                 {"P99 US", kRight}},
                     .rows = {}};
  for (const WorkerRate& worker : rates.workers) {
    const Cell busy = {.text = absl::StrFormat("%.1f", worker.busy_percent),
                       .number = worker.busy_percent};
    const Latency latency = worker.latency.value_or(Latency());
    listing.rows.push_back({{absl::StrCat(worker.lcore), static_cast<double>(worker.lcore)},
                            rates.seconds > 0 ? busy : Cell(),
                            RateCell(rates, worker.traffic.received_frames),
                            RateCell(rates, worker.traffic.transmitted_frames),
                            RateCell(rates, worker.traffic.dropped_frames),
                            MeanCell(worker.cycles_per_frame),
                            MeanCell(worker.frames_per_burst),
                            RateCell(rates, worker.sleeps),
                            MeanCell(latency.p50_us),
                            MeanCell(latency.p99_us)});
  }
  return listing;
}

}  // namespace podwarp::ctl
