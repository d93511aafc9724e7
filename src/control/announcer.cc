#include "control/announcer.h"

#include <algorithm>

namespace podwarp {
namespace {

constexpr absl::Duration kTimes[] = {absl::ZeroDuration(), absl::Seconds(1), absl::Seconds(3)};
constexpr absl::Duration kKeepAlive = absl::Seconds(60);
constexpr absl::Duration kDefence = absl::Seconds(10);

}  // namespace

void Announcer::AddKeepAlive(PortId port, absl::Time now) { keep_alive_[port] = now + kKeepAlive; }

void Announcer::Announce(PortId port, Ipv4Address address, absl::Time now) {
  std::erase_if(queue_, [&](const auto& entry) {
    const Planned& planned = entry.second;
    return planned.port == port && planned.address == address && !planned.is_defence;
  });
  for (const absl::Duration after : kTimes) {
    queue_.emplace(now + after, Planned{port, address, /*is_defence=*/false});
  }
}

void Announcer::Defend(PortId port, Ipv4Address address, absl::Time now) {
  const auto [last, is_first] = defended_.try_emplace({port, address}, now);
  if (!is_first && now - last->second < kDefence) return;
  last->second = now;
  queue_.emplace(now, Planned{port, address, /*is_defence=*/true});
}

void Announcer::Withdraw(Ipv4Address address) {
  absl::erase_if(defended_, [&](const auto& entry) { return entry.first.second == address; });
  std::erase_if(queue_, [&](const auto& entry) { return entry.second.address == address; });
}

void Announcer::RemovePort(PortId port) {
  keep_alive_.erase(port);
  budgets_.erase(port);
  absl::erase_if(defended_, [&](const auto& entry) { return entry.first.first == port; });
  std::erase_if(queue_, [&](const auto& entry) { return entry.second.port == port; });
}

std::vector<Announcer::Due> Announcer::TakeDue(absl::Time now) {
  std::vector<Due> due;
  for (auto& [port, next] : keep_alive_) {
    if (next > now) continue;
    due.push_back({Due::kKeepAlive, port, {}});
    next = now + kKeepAlive;
  }
  for (auto at = queue_.begin(); at != queue_.end() && at->first <= now;) {
    const Planned& planned = at->second;
    if (!TakeToken(planned.port, now)) {
      ++at;  // stays, and is due again the next time
      continue;
    }
    due.push_back({Due::kAnnounce, planned.port, planned.address});
    at = queue_.erase(at);
  }
  // What was defended long ago needs no memory.
  absl::erase_if(defended_, [&](const auto& entry) { return now - entry.second >= kDefence; });
  return due;
}

bool Announcer::TakeToken(PortId port, absl::Time now) {
  Budget& budget = budgets_[port];
  const double refill = absl::ToDoubleSeconds(now - budget.since) * per_second_;
  budget.tokens = std::min<double>(budget.tokens + refill, per_second_);
  budget.since = now;
  if (budget.tokens < 1) return false;
  budget.tokens -= 1;
  return true;
}

}  // namespace podwarp
