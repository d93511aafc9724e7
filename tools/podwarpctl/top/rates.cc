#include "top/rates.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "client/pages.h"
#include "text/fields.h"

namespace podwarp::ctl {
namespace {

// The items of before, by what names them.
class Earlier {
 public:
  Earlier(const Json& items, const char* key, double seconds) : key_(key), seconds_(seconds) {
    for (const Json& item : items) items_.emplace(Text(item, key), &item);
  }

  // Which `item` was; null if it wasn't there.
  const Json& Of(const Json& item) const {
    static const Json kNull;
    const auto found = items_.find(Text(item, key_));
    return found == items_.end() ? kNull : *found->second;
  }
  // By how much a counter of the item has grown.
  double Growth(const Json& item, std::string_view counter) const {
    const Json& before = Of(item);
    if (!IsCount(Field(before, counter))) return 0;
    const uint64_t then = Number(before, counter), now = Number(item, counter);
    return now < then ? 0 : static_cast<double>(now - then);
  }
  double Rate(const Json& item, std::string_view counter) const {
    return seconds_ > 0 ? Growth(item, counter) / seconds_ : 0;
  }
  TrafficRate Traffic(const Json& item) const {
    return {.received_frames = Rate(item, "received_frames"),
            .received_bits = 8 * Rate(item, "received_bytes"),
            .transmitted_frames = Rate(item, "transmitted_frames"),
            .transmitted_bits = 8 * Rate(item, "transmitted_bytes"),
            .dropped_frames = Rate(item, "dropped_frames")};
  }

 private:
  const char* const key_;
  const double seconds_;
  std::map<std::string, const Json*> items_;
};

WorkerRate RateOfWorker(const Json& worker, const Earlier& earlier) {
  WorkerRate rate = {.lcore = Number(worker, "lcore"),
                     .queues = Number(worker, "queues"),
                     .traffic = earlier.Traffic(worker)};
  const double busy = earlier.Growth(worker, "cycles_busy");
  const double total = earlier.Growth(worker, "cycles_total");
  const double frames = earlier.Growth(worker, "received_frames");
  if (total > 0) rate.busy_percent = std::min(100.0, 100 * busy / total);
  if (frames > 0) rate.cycles_per_frame = busy / frames;
  return rate;
}

PortRate RateOfPort(const Json& port, const Earlier& earlier) {
  return {.name = Text(port, "name"),
          .role = Text(port, "role"),
          .state = StateOf(port),
          .traffic = earlier.Traffic(port),
          .lost_frames = earlier.Rate(port, "device_receive_missed") +
                         earlier.Rate(port, "device_receive_errors") +
                         earlier.Rate(port, "device_receive_no_buffer") +
                         earlier.Rate(port, "device_transmit_errors")};
}

double FramesOf(const PortRate& port) {
  return port.traffic.received_frames + port.traffic.transmitted_frames;
}

void Add(const TrafficRate& part, TrafficRate* sum) {
  sum->received_frames += part.received_frames;
  sum->received_bits += part.received_bits;
  sum->transmitted_frames += part.transmitted_frames;
  sum->transmitted_bits += part.transmitted_bits;
  sum->dropped_frames += part.dropped_frames;
}

// Frames of the tenth aren't worth a digit.
double Rounded(double number) { return std::round(number * 10) / 10; }

Json ToJson(const TrafficRate& traffic) {
  return {{"received_frames", Rounded(traffic.received_frames)},
          {"received_bits", Rounded(traffic.received_bits)},
          {"transmitted_frames", Rounded(traffic.transmitted_frames)},
          {"transmitted_bits", Rounded(traffic.transmitted_bits)},
          {"dropped_frames", Rounded(traffic.dropped_frames)}};
}

}  // namespace

absl::StatusOr<Sample> TakeSample(ApiClient* client) {
  Sample sample;
  absl::StatusOr<Json> status = client->Get("/v1/status");
  if (!status.ok()) return status.status();
  sample.status = *std::move(status);
  for (const auto& [path, items] :
       {std::pair{"/v1/workers", &sample.workers}, std::pair{"/v1/ports", &sample.ports},
        std::pair{"/v1/drops", &sample.drops}}) {
    absl::StatusOr<Json> got = GetItems(client, path);
    if (!got.ok()) return got.status();
    *items = *std::move(got);
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  sample.at_seconds = std::chrono::duration<double>(now).count();
  return sample;
}

Rates RatesBetween(const Sample& before, const Sample& now) {
  Rates rates;
  rates.status = now.status;
  rates.seconds = now.at_seconds - before.at_seconds;
  const Earlier workers(before.workers, "lcore", rates.seconds);
  for (const Json& worker : now.workers) rates.workers.push_back(RateOfWorker(worker, workers));

  const Earlier ports(before.ports, "name", rates.seconds);
  for (const Json& port : now.ports) {
    rates.ports.push_back(RateOfPort(port, ports));
    Add(rates.ports.back().traffic, &rates.traffic);
  }
  std::stable_sort(rates.ports.begin(), rates.ports.end(),
                   [](const PortRate& a, const PortRate& b) { return FramesOf(a) > FramesOf(b); });

  const Earlier drops(before.drops, "name", rates.seconds);
  // A frame that is dropped counts at two ports, or at none.
  rates.traffic.dropped_frames = 0;
  for (const Json& drop : now.drops) {
    if (Number(drop, "frames") == 0) continue;
    rates.drops.push_back({.reason = Text(drop, "name"),
                           .frames = drops.Rate(drop, "frames"),
                           .total = Number(drop, "frames"),
                           .last_ports = Text(drop, "last_ports")});
    rates.traffic.dropped_frames += rates.drops.back().frames;
  }
  std::stable_sort(rates.drops.begin(), rates.drops.end(),
                   [](const DropRate& a, const DropRate& b) {
                     return a.frames != b.frames ? a.frames > b.frames : a.total > b.total;
                   });
  return rates;
}

Json ToJson(const Rates& rates) {
  Json json = {{"seconds", rates.seconds}, {"per_second", ToJson(rates.traffic)}};
  Json& workers = json["workers"] = Json::array();
  for (const WorkerRate& worker : rates.workers) {
    workers.push_back({{"lcore", worker.lcore},
                       {"busy_percent", Rounded(worker.busy_percent)},
                       {"cycles_per_frame", Rounded(worker.cycles_per_frame)},
                       {"per_second", ToJson(worker.traffic)}});
    workers.back()["per_second"].erase("received_bits");
    workers.back()["per_second"].erase("transmitted_bits");
  }
  Json& ports = json["ports"] = Json::array();
  for (const PortRate& port : rates.ports) {
    Json traffic = ToJson(port.traffic);
    traffic["lost_frames"] = Rounded(port.lost_frames);
    ports.push_back({{"name", port.name},
                     {"role", port.role},
                     {"state", port.state},
                     {"per_second", std::move(traffic)}});
  }
  Json& drops = json["drops"] = Json::array();
  for (const DropRate& drop : rates.drops) {
    drops.push_back({{"reason", drop.reason},
                     {"per_second", {{"frames", Rounded(drop.frames)}}},
                     {"frames", drop.total}});
  }
  return json;
}

}  // namespace podwarp::ctl
