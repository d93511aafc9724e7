// Rates for programs.
#include <cmath>
#include <utility>

#include "top/rates.h"

namespace podwarp::ctl {
namespace {

// Frames of the tenth aren't worth a digit.
double Rounded(double number) { return std::round(number * 10) / 10; }

Json ToJson(const TrafficRate& traffic) {
  return {{"received_frames", Rounded(traffic.received_frames)},
          {"received_bits", Rounded(traffic.received_bits)},
          {"transmitted_frames", Rounded(traffic.transmitted_frames)},
          {"transmitted_bits", Rounded(traffic.transmitted_bits)},
          {"dropped_frames", Rounded(traffic.dropped_frames)}};
}

Json WithoutBits(Json traffic) {
  traffic.erase("received_bits");
  traffic.erase("transmitted_bits");
  return traffic;
}

Json ToJson(const WorkerRate& worker) {
  Json traffic = WithoutBits(ToJson(worker.traffic));
  traffic["sleeps"] = Rounded(worker.sleeps);
  Json json = {{"lcore", worker.lcore},
               {"busy_percent", Rounded(worker.busy_percent)},
               {"cycles_per_frame", Rounded(worker.cycles_per_frame)},
               {"frames_per_burst", Rounded(worker.frames_per_burst)},
               {"per_second", std::move(traffic)}};
  if (worker.latency.has_value()) {
    json["p50_us"] = worker.latency->p50_us;
    json["p99_us"] = worker.latency->p99_us;
  }
  return json;
}

Json ToJson(const PortRate& port) {
  Json traffic = ToJson(port.traffic);
  traffic["lost_frames"] = Rounded(port.lost_frames);
  Json json = {{"name", port.name},
               {"role", port.role},
               {"state", port.state},
               {"per_second", std::move(traffic)}};
  if (!port.mostly_dropped.empty()) json["mostly_dropped"] = port.mostly_dropped;
  return json;
}

Json ToJson(const PodRate& pod) {
  Json json = {{"name", pod.name}, {"state", pod.state}, {"per_second", ToJson(pod.traffic)}};
  if (!pod.mostly_dropped.empty()) json["mostly_dropped"] = pod.mostly_dropped;
  return json;
}

Json ToJson(const DropRate& drop) {
  return {{"reason", drop.reason},
          {"per_second", {{"frames", Rounded(drop.frames)}}},
          {"frames", drop.total}};
}

template <typename Rate>
Json ToArray(const std::vector<Rate>& rates) {
  Json array = Json::array();
  for (const Rate& rate : rates) array.push_back(ToJson(rate));
  return array;
}

}  // namespace

Json ToJson(const Rates& rates) {
  Json all = ToJson(rates.traffic);
  Json json = {{"seconds", rates.seconds},
               {"per_second", rates.ports.has_value() ? all : WithoutBits(all)},
               {"workers", ToArray(rates.workers)}};
  if (rates.ports.has_value()) json["ports"] = ToArray(*rates.ports);
  if (rates.pods.has_value()) json["pods"] = ToArray(*rates.pods);
  json["drops"] = ToArray(rates.drops);
  return json;
}

}  // namespace podwarp::ctl
