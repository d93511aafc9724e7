#include "load/latency.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "load/histogram.h"
#include "load/pacer.h"
#include "load/stamped.h"
#include "load/ticks.h"

namespace podwarp::test {
namespace {

constexpr double kWarmUpSeconds = 0.5;
constexpr double kSettleSeconds = 0.1;

class Way {
 public:
  Way(VirtioPeer& from, VirtioPeer& to, const GuestFrame& frame)
      : sender_(from, frame), receiver_(to) {}

  void Loaded(double seconds, double frames_per_second, uint32_t burst) {
    Pacer pacer(frames_per_second, burst);
    for (const uint64_t end = Ticks() + TicksOf(seconds); Ticks() < end;) {
      if (const uint32_t due = pacer.Due(); due > 0) sent += sender_.Send(due);
      Receive();
    }
    offered = pacer.offered();
    Settle();
  }

  void AfterGaps(double seconds, double gap_seconds) {
    const uint64_t gap = TicksOf(gap_seconds);
    for (const uint64_t end = Ticks() + TicksOf(seconds); Ticks() < end;) {
      const uint64_t next = Ticks() + gap;
      sent += sender_.Send(1);
      ++offered;
      while (Ticks() < next) Receive();
    }
    Settle();
  }

  void Forget() {
    ages = {};
    offered = sent = 0;
  }

  Histogram ages;
  uint64_t offered = 0;
  uint64_t sent = 0;

 private:
  void Receive() {
    for (const uint64_t age : receiver_.Receive()) ages.Add(age);
  }
  void Settle() {
    for (const uint64_t end = Ticks() + TicksOf(kSettleSeconds); Ticks() < end;) Receive();
  }

  StampedSender sender_;
  StampedReceiver receiver_;
};

}  // namespace

std::string MeasureLatency(const LatencySettings& settings) {
  const auto receiver = ListenAt(settings.receiver, settings.guest);
  const auto sender = ListenAt(settings.sender, settings.guest);
  Accept(*receiver);
  Accept(*sender);
  const auto frames = UdpFrames(settings.endpoints, settings.frame_bytes, 1, 1);
  const auto way = std::make_unique<Way>(*sender, *receiver, frames[0]);
  const auto run = [&](double seconds) {
    way->Forget();
    if (settings.gap_seconds > 0) {
      way->AfterGaps(seconds, settings.gap_seconds);
    } else {
      way->Loaded(seconds, settings.frames_per_second, settings.burst);
    }
  };
  run(kWarmUpSeconds);
  TellStart();
  run(settings.seconds);

  const auto micros = [](uint64_t ticks) {
    return static_cast<double>(ticks) / TicksPerSecond() * 1e6;
  };
  const Histogram& ages = way->ages;
  const nlohmann::ordered_json result = {{"seconds", settings.seconds},
                                         {"offered", way->offered},
                                         {"sent", way->sent},
                                         {"received", ages.count()},
                                         {"p50_us", micros(ages.Percentile(0.5))},
                                         {"p99_us", micros(ages.Percentile(0.99))},
                                         {"p999_us", micros(ages.Percentile(0.999))},
                                         {"max_us", micros(ages.max())}};
  return result.dump();
}

}  // namespace podwarp::test
