// What workers report, and what follows from it.
//
// A report waits in a ring, and the tables may have changed since it was written: each is judged by
// what is true when it is read.
#include <glog/logging.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/node.h"
#include "podwarp/dataplane/drop_reason.h"

namespace podwarp {
namespace {

constexpr absl::Duration kArrivalPause = absl::Seconds(1);

}  // namespace

void Node::Handle(const Event& event, absl::Time now) {
  switch (event.kind) {
    case EventKind::kNeighborAnswered:
      return HandleAnswer(event, now);
    case EventKind::kNeighborWanted:
      return HandleWanted(event, now);
    case EventKind::kAddressConflict:
      return HandleConflict(event, now);
    case EventKind::kPodArrived:
      return HandleArrival(event, now);
    case EventKind::kAddressAlive:
      if (PodRecord* pod = PodBehind(event.port)) pod->last_seen = now;
      return;
  }
}

void Node::HandleAnswer(const Event& event, absl::Time now) {
  const auto neighbor = neighbors_.all().find(event.address);
  if (neighbor == neighbors_.all().end()) return;
  const Neighbors::Neighbor before = neighbor->second;
  const bool is_news = neighbors_.Answered(event.address, event.port, event.mac, now);
  if (is_news || before.state != neighbor->second.state) TellAnswer(before, event, now);
  if (!is_news) return;
  const std::string& name = neighbor_names_.at(event.address);
  const NextHopKind kind =
      absl::StartsWith(name, "node ") ? NextHopKind::kNode : NextHopKind::kNeighbor;
  const absl::Status status = owners_.Change(name, AdjacencyVia(event.port, kind, event.mac),
                                             [this] { PublishSettings(); });
  LOG_IF(ERROR, !status.ok()) << name << ": " << status.message();
}

void Node::TellAnswer(const Neighbors::Neighbor& before, const Event& event, absl::Time now) {
  const std::string& name = neighbor_names_.at(event.address);
  const std::string line = absl::StrCat(name, " is at ", event.mac.ToString());
  // Of hosts that the kernel talks to there may be many.
  if (!before.is_configured && !VLOG_IS_ON(1)) return;
  const bool has_moved = before.mac.has_value() && before.mac != event.mac;
  const auto left_out = log_limit_.Take(absl::StrCat(name, " is at"), now);
  if (!left_out.has_value()) return;
  if (has_moved) {
    LOG(WARNING) << line << " now; it was at " << before.mac->ToString() << LeftOut(*left_out);
  } else {
    LOG(INFO) << line << (before.mac.has_value() ? " and answers again" : "") << LeftOut(*left_out);
  }
}

// It was asked several times in vain.
void Node::TellSilence(Ipv4Address address, absl::Time now) {
  const std::string& name = neighbor_names_.at(address);
  const auto left_out = log_limit_.Take(absl::StrCat(name, " is silent"), now);
  if (!left_out.has_value()) return;
  const Neighbors::Neighbor& neighbor = neighbors_.all().at(address);
  LOG(WARNING) << name << " does not answer ARP for " << address.ToString() << " on port "
               << tables_.ports.Get(neighbor.uplink)->settings().name << "; frames to it "
               << (neighbor.mac.has_value()
                       ? absl::StrCat("go on to ", neighbor.mac->ToString())
                       : absl::StrCat("are dropped (",
                                      std::string(Name(DropReason::kNeighborUnresolved)), ")"))
               << LeftOut(*left_out);
}

void Node::HandleWanted(const Event& event, absl::Time now) {
  // It may have been asked for meanwhile, or become somebody's.
  const Adjacency& segment = tables_.adjacencies[tables_.routes.Lookup(event.address)];
  if (segment.kind != NextHopKind::kOnLink) return;
  const std::string name = absl::StrCat("neighbor ", event.address.ToString());
  const absl::Status status = AddNeighbor(name, event.address, segment.port, false, now);
  if (status.ok()) return;
  if (const auto left_out = log_limit_.Take("neighbor wanted", now)) {
    LOG(WARNING) << status.message() << LeftOut(*left_out);
  }
}

void Node::HandleConflict(const Event& event, absl::Time now) {
  const Port* port = tables_.ports.Get(event.port);
  const Adjacency& owner = tables_.adjacencies[tables_.routes.Lookup(event.address)];
  // The port may be gone meanwhile, or the claim have come true.
  if (port == nullptr || owner.port == event.port) return;
  if (PodRecord* pod = PodBehind(event.port)) ++pod->conflicts;
  const PortSettings& settings = port->settings();
  const std::string who =
      absl::StrCat(settings.role == PortRole::kPod ? "pod " : "port ", settings.name);
  // Not a place for each address: a host can claim them all.
  if (const auto left_out = log_limit_.Take(absl::StrCat("conflict by ", who), now)) {
    LOG(WARNING) << "address conflict: " << event.mac.ToString() << " behind " << who << " claims "
                 << event.address.ToString() << ", which belongs to "
                 << owners_.OwnerOf(event.address) << LeftOut(*left_out);
  }
  // Rule 11: on a wire it is defended only if podwarp would answer for it there.
  const bool is_ours_to_say =
      settings.role != PortRole::kUplink ||
      (settings.announce_pods && owner.kind == NextHopKind::kPod) ||
      (settings.announce_services && owner.kind == NextHopKind::kExternalService) ||
      event.address == settings.underlay_address;
  if (is_ours_to_say) announcer_.Defend(event.port, event.address, now);
}

void Node::HandleArrival(const Event& event, absl::Time now) {
  PodRecord* pod = PodBehind(event.port);
  // A hypervisor says it several times, and a pod could do so all day: once a second is enough.
  if (pod == nullptr || now - pod->last_arrival < kArrivalPause) return;
  pod->last_arrival = now;
  const std::string name = absl::StrCat("pod ", pod->config.full_name());
  if (const auto left_out = log_limit_.Take(absl::StrCat(name, " lives here"), now)) {
    LOG(INFO) << name << " says that it lives here now" << LeftOut(*left_out);
  }
  ++generation_;
  for (const Ipv4Address& address : pod->config.addresses) {
    const absl::Status status = owners_.Claim(name, Ipv4Prefix::Host(address), generation_);
    LOG_IF(ERROR, !status.ok()) << status.message();
  }
  AnnouncePod(pod->config, now);
}

}  // namespace podwarp
