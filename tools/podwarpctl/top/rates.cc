#include "top/rates.h"

#include <algorithm>
#include <map>

#include "text/fields.h"

namespace podwarp::ctl {
namespace {

// By how much a counter has grown.
double Growth(const Json& before, const Json& now, std::string_view counter) {
  if (!IsCount(Field(before, counter))) return 0;
  const uint64_t then = Number(before, counter), since = Number(now, counter);
  return since < then ? 0 : static_cast<double>(since - then);
}

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
  double GrowthOf(const Json& item, std::string_view counter) const {
    return Growth(Of(item), item, counter);
  }
  double Rate(const Json& item, std::string_view counter) const {
    return seconds_ > 0 ? GrowthOf(item, counter) / seconds_ : 0;
  }
  TrafficRate Traffic(const Json& item) const {
    return {.received_frames = Rate(item, "received_frames"),
            .received_bits = 8 * Rate(item, "received_bytes"),
            .transmitted_frames = Rate(item, "transmitted_frames"),
            .transmitted_bits = 8 * Rate(item, "transmitted_bytes"),
            .dropped_frames = Rate(item, "dropped_frames")};
  }
  // A reason that wasn't there before has begun since, if the item told its reasons then.
  std::string MostlyDropped(const Json& item) const {
    const Json& before = Field(Of(item), "drops");
    const Json& drops = Field(item, "drops");
    if (!before.is_object() || !drops.is_object()) return "";
    std::string most;
    double most_growth = 0;
    for (const auto& [reason, frames] : drops.items()) {
      const double growth = before.contains(reason) ? Growth(before, drops, reason)
                                                    : static_cast<double>(Number(drops, reason));
      if (growth > most_growth) {
        most = reason;
        most_growth = growth;
      }
    }
    return most;
  }

 private:
  const char* const key_;
  const double seconds_;
  std::map<std::string, const Json*> items_;
};

std::optional<Latency> LatencyOf(const Json& worker, const Json& latency) {
  for (const Json& item : latency) {
    if (Text(item, "lcore") != Text(worker, "lcore") || Real(item, "p99_us") <= 0) continue;
    return Latency{.p50_us = Real(item, "p50_us"), .p99_us = Real(item, "p99_us")};
  }
  return std::nullopt;
}

WorkerRate RateOf(const Json& worker, const Earlier& earlier, const Json& latency) {
  WorkerRate rate = {.lcore = Number(worker, "lcore"),
                     .queues = Number(worker, "queues"),
                     .sleeps = earlier.Rate(worker, "sleeps"),
                     .traffic = earlier.Traffic(worker),
                     .latency = LatencyOf(worker, latency)};
  const double busy = earlier.GrowthOf(worker, "cycles_busy");
  const double total = earlier.GrowthOf(worker, "cycles_total");
  const double frames = earlier.GrowthOf(worker, "received_frames");
  const double bursts = earlier.GrowthOf(worker, "bursts");
  if (total > 0) rate.busy_percent = std::min(100.0, 100 * busy / total);
  if (frames > 0) rate.cycles_per_frame = busy / frames;
  if (bursts > 0) rate.frames_per_burst = frames / bursts;
  return rate;
}

PortRate RateOf(const Json& port, const Earlier& earlier) {
  return {.name = Text(port, "name"),
          .role = Text(port, "role"),
          .state = StateOf(port),
          .traffic = earlier.Traffic(port),
          .lost_frames = earlier.Rate(port, "device_receive_missed") +
                         earlier.Rate(port, "device_receive_errors") +
                         earlier.Rate(port, "device_receive_no_buffer") +
                         earlier.Rate(port, "device_transmit_errors"),
          .mostly_dropped = earlier.MostlyDropped(port)};
}

// All but drops.
void Add(const TrafficRate& part, TrafficRate* sum) {
  sum->received_frames += part.received_frames;
  sum->received_bits += part.received_bits;
  sum->transmitted_frames += part.transmitted_frames;
  sum->transmitted_bits += part.transmitted_bits;
}

template <typename Rate>
void SortByFrames(std::vector<Rate>* rates) {
  const auto frames = [](const Rate& rate) {
    return rate.traffic.received_frames + rate.traffic.transmitted_frames;
  };
  std::stable_sort(rates->begin(), rates->end(),
                   [&](const Rate& a, const Rate& b) { return frames(a) > frames(b); });
}

void SetPorts(const Sample& before, const Sample& now, Rates* rates) {
  const Earlier earlier(before.ports, "name", rates->seconds);
  std::vector<PortRate>& ports = rates->ports.emplace();
  for (const Json& port : now.ports) {
    ports.push_back(RateOf(port, earlier));
    Add(ports.back().traffic, &rates->traffic);
  }
  SortByFrames(&ports);
}

void SetPods(const Sample& before, const Sample& now, Rates* rates) {
  const Earlier earlier(before.pods, "name", rates->seconds);
  std::vector<PodRate>& pods = rates->pods.emplace();
  for (const Json& pod : now.pods) {
    pods.push_back({.name = Text(pod, "name"),
                    .state = StateOf(pod),
                    .traffic = earlier.Traffic(pod),
                    .mostly_dropped = earlier.MostlyDropped(pod)});
  }
  SortByFrames(&pods);
}

void SetDrops(const Sample& before, const Sample& now, Rates* rates) {
  const Earlier earlier(before.drops, "name", rates->seconds);
  for (const Json& drop : now.drops) {
    if (Number(drop, "frames") == 0) continue;
    rates->drops.push_back({.reason = Text(drop, "name"),
                            .frames = earlier.Rate(drop, "frames"),
                            .total = Number(drop, "frames"),
                            .last_ports = Text(drop, "last_ports"),
                            .last_pods = Text(drop, "last_pods"),
                            .help = Text(drop, "help")});
    // Not summed over ports: a frame that is dropped counts at two of them, or at none.
    rates->traffic.dropped_frames += rates->drops.back().frames;
  }
  std::stable_sort(rates->drops.begin(), rates->drops.end(),
                   [](const DropRate& a, const DropRate& b) {
                     return a.frames != b.frames ? a.frames > b.frames : a.total > b.total;
                   });
}

}  // namespace

Rates RatesBetween(const Sample& before, const Sample& now) {
  Rates rates;
  rates.status = now.status;
  rates.seconds = now.at_seconds - before.at_seconds;
  const Earlier workers(before.workers, "lcore", rates.seconds);
  for (const Json& worker : now.workers) {
    rates.workers.push_back(RateOf(worker, workers, now.latency));
    if (!now.ports.is_array()) Add(rates.workers.back().traffic, &rates.traffic);
  }
  if (now.ports.is_array()) SetPorts(before, now, &rates);
  if (now.pods.is_array()) SetPods(before, now, &rates);
  SetDrops(before, now, &rates);
  return rates;
}

}  // namespace podwarp::ctl
