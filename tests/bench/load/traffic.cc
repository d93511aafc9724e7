#include "load/traffic.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "load/pacer.h"
#include "load/ticks.h"

namespace podwarp::test {
namespace {

constexpr double kWarmUpSeconds = 1;

// One guest with what it sends and what it takes, over all its queues in turn.
class Station {
 public:
  Station(const std::string& socket, const GuestSettings& settings)
      : queues_(settings.queue_pairs), guest_(ListenAt(socket, settings)) {}

  void Accept() { test::Accept(*guest_); }

  // The ring is filled with these, which go round from then on. Returns how many were sent.
  uint64_t Fill(const std::vector<GuestFrame>& frames) {
    uint64_t sent = 0;
    for (uint16_t queue = 0; queue < queues_; ++queue) sent += guest_->Send(queue, frames);
    return sent;
  }

  uint32_t Send(uint32_t count) {
    if (count == 0) return 0;
    sending_ = static_cast<uint16_t>((sending_ + 1) % queues_);
    return guest_->SendAgain(sending_, count);
  }

  uint32_t Take() {
    uint32_t taken = 0;
    for (uint16_t queue = 0; queue < queues_; ++queue) taken += guest_->Discard(queue);
    return taken;
  }

  // How many the device hasn't taken. The last thing that is asked of a sender.
  uint64_t Untaken() {
    uint64_t untaken = 0;
    for (uint16_t queue = 0; queue < queues_; ++queue) untaken += guest_->InFlight(queue);
    return untaken;
  }

 private:
  const uint16_t queues_;
  uint16_t sending_ = 0;
  const std::unique_ptr<VirtioPeer> guest_;
};

struct Counts {
  uint64_t offered = 0;
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t most_late = 0;
};

class Traffic {
 public:
  explicit Traffic(const TrafficSettings& settings) : settings_(settings) {
    const auto make = [&](const std::string& socket) {
      return socket.empty() ? nullptr : std::make_unique<Station>(socket, settings.guest);
    };
    receiver_ = make(settings.receiver);
    sender_ = make(settings.sender);
    arp_ = make(settings.arp);
    for (Station* station : {receiver_.get(), sender_.get(), arp_.get()}) {
      if (station != nullptr) station->Accept();
    }
  }

  // Frames go round once before anything is counted, so that rings, tables and pages are warm and
  // nothing of it is still on its way.
  void WarmUp() {
    const uint32_t count = settings_.guest.ring_size;
    if (sender_ != nullptr) {
      sender_->Fill(UdpFrames(settings_.endpoints, settings_.frame_bytes, count, settings_.flows));
    }
    if (arp_ != nullptr) arp_->Fill(ArpRequests(settings_.arp_endpoints, count));
    Run(kWarmUpSeconds);
    Settle();
  }

  // Everything that is sent in so many seconds, and what of it arrives.
  double Measure(double seconds) {
    frames_ = arps_ = {};
    const uint64_t start = Ticks();
    Run(seconds);
    const double elapsed = static_cast<double>(Ticks() - start) / TicksPerSecond();
    Settle();
    return elapsed;
  }

  const Counts& frames() const { return frames_; }
  const Counts& arps() const { return arps_; }
  uint64_t Untaken() { return sender_ == nullptr ? 0 : sender_->Untaken(); }

 private:
  void Run(double seconds) {
    Pacer frames(settings_.frames_per_second, settings_.burst);
    Pacer arps(settings_.arp_requests_per_second, settings_.burst);
    const uint64_t end = Ticks() + TicksOf(seconds);
    while (Ticks() < end) {
      if (sender_ != nullptr) frames_.sent += sender_->Send(frames.Due());
      if (arp_ != nullptr) arps_.sent += arp_->Send(arps.Due());
      Take();
    }
    const bool paced = settings_.frames_per_second != 0;
    frames_.offered = paced ? frames.offered() : frames_.sent;
    frames_.most_late = frames.most_late();
    arps_.offered = settings_.arp_requests_per_second != 0 ? arps.offered() : arps_.sent;
  }

  // Takes what is still on its way, for as long as anything comes.
  void Settle() {
    if (receiver_ == nullptr && arp_ == nullptr) return;
    if (sender_ == nullptr && arp_ == nullptr) return;  // frames come without end
    const uint64_t patience = TicksOf(settings_.settle_seconds);
    for (uint64_t last = Ticks(); Ticks() - last < patience;) {
      if (Take() > 0) last = Ticks();
    }
  }

  uint32_t Take() {
    uint32_t taken = 0;
    if (receiver_ != nullptr) {
      taken = receiver_->Take();
      frames_.received += taken;
    }
    if (arp_ != nullptr) {
      const uint32_t answers = arp_->Take();
      arps_.received += answers;
      taken += answers;
    }
    return taken;
  }

  const TrafficSettings& settings_;
  std::unique_ptr<Station> sender_, receiver_, arp_;
  Counts frames_, arps_;
};

double Mega(uint64_t count, double seconds) { return static_cast<double>(count) / seconds / 1e6; }

}  // namespace

std::string MeasureTraffic(const TrafficSettings& settings) {
  Traffic traffic(settings);
  traffic.WarmUp();
  TellStart();
  const double seconds = traffic.Measure(settings.seconds);
  nlohmann::ordered_json result = {{"seconds", seconds}};
  const Counts& frames = traffic.frames();
  if (!settings.sender.empty()) {
    result.update({{"offered", frames.offered},
                   {"offered_mpps", Mega(frames.offered, seconds)},
                   {"sent", frames.sent},
                   {"sent_mpps", Mega(frames.sent, seconds)},
                   {"most_late", frames.most_late},
                   {"untaken", traffic.Untaken()}});
  }
  if (!settings.receiver.empty()) {
    result.update(
        {{"received", frames.received}, {"received_mpps", Mega(frames.received, seconds)}});
  }
  if (!settings.sender.empty() && !settings.receiver.empty()) {
    result["lost"] = static_cast<int64_t>(frames.offered) - static_cast<int64_t>(frames.received);
  }
  if (!settings.arp.empty()) {
    const Counts& arps = traffic.arps();
    result["arp"] = {{"requests", arps.sent},
                     {"requests_per_second", static_cast<double>(arps.sent) / seconds},
                     {"answers", arps.received},
                     {"answers_per_second", static_cast<double>(arps.received) / seconds}};
  }
  return result.dump();
}

}  // namespace podwarp::test
