// What workers report, and what follows from it.
//
// A report waits in a ring, and the tables may have changed since it was written: each is judged by
// what is true when it is read.
#include <glog/logging.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/node.h"

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
  if (!neighbors_.Answered(event.address, event.port, event.mac, now)) return;
  const std::string& name = neighbor_names_.at(event.address);
  const NextHopKind kind =
      absl::StartsWith(name, "node ") ? NextHopKind::kNode : NextHopKind::kNeighbor;
  LOG(INFO) << name << " is at " << event.mac.ToString();
  const absl::Status status = owners_.Change(name, AdjacencyVia(event.port, kind, event.mac),
                                             [this] { PublishSettings(); });
  LOG_IF(ERROR, !status.ok()) << name << ": " << status.message();
}

void Node::HandleWanted(const Event& event, absl::Time now) {
  // It may have been asked for meanwhile, or become somebody's.
  const Adjacency& segment = tables_.adjacencies[tables_.routes.Lookup(event.address)];
  if (segment.kind != NextHopKind::kOnLink) return;
  const std::string name = absl::StrCat("neighbor ", event.address.ToString());
  const absl::Status status = AddNeighbor(name, event.address, segment.port, false, now);
  LOG_IF_EVERY_N(WARNING, !status.ok(), 100) << status.message();
}

void Node::HandleConflict(const Event& event, absl::Time now) {
  const Port* port = tables_.ports.Get(event.port);
  const Adjacency& owner = tables_.adjacencies[tables_.routes.Lookup(event.address)];
  // The port may be gone meanwhile, or the claim have come true.
  if (port == nullptr || owner.port == event.port) return;
  if (PodRecord* pod = PodBehind(event.port)) ++pod->conflicts;
  LOG_EVERY_N(WARNING, 100) << "address conflict: " << event.mac.ToString() << " on port "
                            << port->settings().name << " claims " << event.address.ToString()
                            << ", which belongs to " << owners_.OwnerOf(event.address);
  // Rule 11: on a wire it is defended only if podwarp would answer for it there.
  const PortSettings& settings = port->settings();
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
  LOG(INFO) << name << " says that it lives here now";
  ++generation_;
  for (const Ipv4Address& address : pod->config.addresses) {
    const absl::Status status = owners_.Claim(name, Ipv4Prefix::Host(address), generation_);
    LOG_IF(ERROR, !status.ok()) << status.message();
  }
  AnnouncePod(pod->config, now);
}

}  // namespace podwarp
