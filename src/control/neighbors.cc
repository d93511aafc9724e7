#include "control/neighbors.h"

namespace podwarp {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kSlowRetry = absl::Seconds(5);  // after kMaxUnanswered
constexpr absl::Duration kReconfirm = absl::Seconds(30);
constexpr uint32_t kMaxUnanswered = 3;

}  // namespace

std::string_view ToString(Neighbors::State state) {
  switch (state) {
    case Neighbors::State::kAsked:
      return "asked";
    case Neighbors::State::kResolved:
      return "resolved";
    case Neighbors::State::kSilent:
      return "silent";
  }
  return "unknown";
}

bool Neighbors::Add(Ipv4Address address, PortId uplink, bool is_configured, absl::Time now) {
  if (neighbors_.contains(address)) return false;
  if (!is_configured && unconfigured_ == kMaxUnconfigured) return false;
  if (!is_configured) ++unconfigured_;
  neighbors_[address] = {.uplink = uplink, .is_configured = is_configured, .next_request = now};
  return true;
}

void Neighbors::Remove(Ipv4Address address) {
  const auto neighbor = neighbors_.find(address);
  if (neighbor == neighbors_.end()) return;
  if (!neighbor->second.is_configured) --unconfigured_;
  neighbors_.erase(neighbor);
}

bool Neighbors::Answered(Ipv4Address address, PortId uplink, const MacAddress& mac,
                         absl::Time now) {
  const auto found = neighbors_.find(address);
  if (found == neighbors_.end() || found->second.uplink != uplink) return false;
  Neighbor& neighbor = found->second;
  const bool is_news = neighbor.mac != mac;
  neighbor.mac = mac;
  neighbor.state = State::kResolved;
  neighbor.unanswered = 0;
  neighbor.next_request = now + kReconfirm;
  return is_news;
}

Neighbors::Actions Neighbors::Due(absl::Time now) {
  Actions actions;
  for (auto& [address, neighbor] : neighbors_) {
    if (neighbor.next_request > now) continue;
    if (neighbor.unanswered >= kMaxUnanswered) {
      if (!neighbor.is_configured) {
        actions.gone.push_back(address);
        continue;
      }
      if (neighbor.unanswered == kMaxUnanswered) actions.silent.push_back(address);
      if (neighbor.state == State::kResolved) neighbor.state = State::kSilent;
    }
    // A known neighbour is asked quietly first, and by everybody's ears once it fails to answer.
    const bool is_quiet = neighbor.mac.has_value() && neighbor.unanswered < kMaxUnanswered;
    actions.requests.push_back({.uplink = neighbor.uplink,
                                .address = address,
                                .to = is_quiet ? neighbor.mac : std::nullopt});
    ++neighbor.unanswered;
    neighbor.next_request = now + (neighbor.unanswered > kMaxUnanswered ? kSlowRetry : kRetry);
  }
  for (const Ipv4Address& address : actions.gone) Remove(address);
  return actions;
}

}  // namespace podwarp
