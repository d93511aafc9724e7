// Pods, remote nodes and routes that come, change and go while frames are forwarded.
//
// An address is claimed for its new owner before the old one lets go of it, so that there is no
// moment at which it is nobody's.
#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/node.h"

namespace podwarp {
namespace {

constexpr absl::Duration kPortRetry = absl::Seconds(1);

std::string PodName(const PodConfig& pod) { return absl::StrCat("pod ", pod.full_name()); }
std::string NodeName(const std::string& node) { return absl::StrCat("node ", node); }

template <typename T>
bool Has(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <typename T>
const T* Get(const std::optional<Object>& object) {
  return object.has_value() ? std::get_if<T>(&*object) : nullptr;
}

// The same interface, socket or device, whatever lengths and routes its addresses have there.
bool IsSamePlace(const PodPortConfig& before, PodPortConfig after) {
  const auto* old_tap = std::get_if<TapPortConfig>(&before);
  auto* new_tap = std::get_if<TapPortConfig>(&after);
  if (old_tap != nullptr && new_tap != nullptr) new_tap->on_link = old_tap->on_link;
  return before == after;
}

// A pod that only has other addresses keeps its port.
bool KeepsPort(const PodConfig& before, const PodConfig& after) {
  return before.mac == after.mac && before.mtu_bytes == after.mtu_bytes &&
         IsSamePlace(before.port, after.port);
}

// A node whose MAC is asked for, rather than told.
bool IsAskedFor(const RemoteNodeConfig& node) { return !node.virtual_mac.has_value(); }

}  // namespace

absl::Status Node::Apply(const Change& change, absl::Time now) {
  const auto* route = Get<RouteConfig>(change.after);
  if (route != nullptr) return SetRoute(*route);
  if (const auto* gone = Get<RouteConfig>(change.before)) {
    return owners_.Release(NodeName(gone->node), gone->prefix, ++generation_);
  }
  const Object& object = change.after.has_value() ? *change.after : *change.before;
  if (KindOf(object) == ObjectKind::kService) {
    return ApplyService(Get<ServiceConfig>(change.before), Get<ServiceConfig>(change.after), now);
  }
  if (KindOf(object) == ObjectKind::kPod) {
    return ApplyPod(Get<PodConfig>(change.before), Get<PodConfig>(change.after), now);
  }
  return ApplyNode(Get<RemoteNodeConfig>(change.before), Get<RemoteNodeConfig>(change.after), now);
}

void Node::SetHairpinMode(HairpinMode mode) {
  hairpin_mode_ = mode;
  PublishSettings();
}

absl::Status Node::SetRoute(const RouteConfig& route) {
  return owners_.Claim(NodeName(route.node), route.prefix, ++generation_);
}

absl::Status Node::ApplyService(const ServiceConfig* before, const ServiceConfig* after,
                                absl::Time now) {
  absl::Status status = services_.Apply(before, after, ++generation_, now);
  if (!status.ok()) return status;
  static const std::vector<Ipv4Address> kNone;
  const auto& old = before != nullptr ? before->external_addresses : kNone;
  const auto& fresh = after != nullptr ? after->external_addresses : kNone;
  for (const Ipv4Address address : old) {
    if (!Has(fresh, address)) announcer_.Withdraw(address);
  }
  for (const Uplink& uplink : uplinks_) {
    if (!uplink.config->announce_services) continue;
    for (const Ipv4Address address : fresh) {
      if (!Has(old, address)) announcer_.Announce(uplink.port, address, now);
    }
  }
  return absl::OkStatus();
}

// --- Pods. ---

absl::Status Node::ApplyPod(const PodConfig* before, const PodConfig* after, absl::Time now) {
  const std::string name = (before != nullptr ? before : after)->full_name();
  const auto found = pods_.find(name);
  if ((found == pods_.end()) != (before == nullptr)) {
    return absl::FailedPreconditionError(
        absl::StrCat("pod ", name, before == nullptr ? " is there already" : " is not there"));
  }
  if (before == nullptr) {
    ComePod(*after, now);
  } else if (after == nullptr) {
    if (found->second.port != kNoPort) ClosePod(found->second);
    port_factory_.RemovePod(found->second.config);
    pods_.erase(found);
  } else {
    ChangePod(found->second, *after, now);
  }
  return absl::OkStatus();
}

void Node::ComePod(const PodConfig& config, absl::Time now) {
  PodRecord& pod = pods_[config.full_name()];
  pod.config = config;
  OpenPod(pod, now);
}

void Node::ChangePod(PodRecord& pod, const PodConfig& after, absl::Time now) {
  const PodConfig before = std::exchange(pod.config, after);
  if (pod.port == kNoPort || !KeepsPort(before, after)) {
    if (pod.port != kNoPort) ClosePod(pod);
    if (!IsSamePlace(before.port, after.port)) port_factory_.RemovePod(before);
    return OpenPod(pod, now);
  }
  absl::Status status = ClaimAddresses(after);
  for (const Ipv4Address& address : before.addresses) {
    if (Has(after.addresses, address)) continue;
    status.Update(owners_.Release(PodName(after), Ipv4Prefix::Host(address), generation_));
    announcer_.Withdraw(address);
  }
  if (status.ok()) status = port_factory_.ReconfigurePod(after);
  if (!status.ok()) return LosePod(pod, std::string(status.message()), now);
  AnnouncePod(after, now);
}

void Node::OpenPod(PodRecord& pod, absl::Time now) {
  // Its name, interface, socket or device may be those of a port that was closed: they are free
  // only once no worker uses it.
  if (std::exchange(has_closed_ports_, false)) tables_.rcu.Synchronize();
  const absl::StatusOr<PortId> port = AddPort(port_factory_.OpenPodPort(pod.config));
  if (!port.ok()) {
    const std::string why(port.status().message());
    const std::string line = absl::StrCat(PodName(pod.config), " has no port: ", why);
    if (why != pod.why_down && log_limit_.Take(line, now).has_value()) LOG(WARNING) << line;
    pod.why_down = why;
    pod.next_try = now + kPortRetry;
    return;
  }
  pod.port = *port;
  pod.why_down.clear();
  if (absl::Status status = PublishPod(pod); !status.ok()) {
    return LosePod(pod, std::string(status.message()), now);
  }
  AnnouncePod(pod.config, now);
}

absl::Status Node::PublishPod(const PodRecord& pod) {
  const PodConfig& config = pod.config;
  absl::Status status = owners_.Add(PodName(config), {.destination = config.mac,
                                                      .source = config_.gateway.mac,
                                                      .port = pod.port,
                                                      .mtu_bytes = config.mtu_bytes,
                                                      .kind = NextHopKind::kPod});
  status.Update(ClaimAddresses(config));
  return status;
}

// The pod may send from its addresses, and is sent what goes to them.
absl::Status Node::ClaimAddresses(const PodConfig& config) {
  tables_.pods.Set(pods_.at(config.full_name()).port,
                   {.name = config.full_name(),
                    .mac = config.mac,
                    .addresses = config.addresses,
                    .allowed_prefixes = config.allowed_prefixes});
  ++generation_;
  absl::Status status;
  for (const Ipv4Address& address : config.addresses) {
    status.Update(owners_.Claim(PodName(config), Ipv4Prefix::Host(address), generation_));
  }
  return status;
}

void Node::ClosePod(PodRecord& pod) {
  owners_.Remove(PodName(pod.config)).IgnoreError();  // it may not have come that far
  for (const Ipv4Address& address : pod.config.addresses) announcer_.Withdraw(address);
  tables_.pods.Remove(pod.port);
  announcer_.RemovePort(pod.port);
  workers_.Detach(pod.port);
  tables_.ports.Remove(pod.port);
  seen_.erase(pod.port);
  pod.port = kNoPort;
  has_closed_ports_ = true;
}

void Node::LosePod(PodRecord& pod, const std::string& why, absl::Time now) {
  if (const auto left_out =
          log_limit_.Take(absl::StrCat(PodName(pod.config), " has lost its port"), now)) {
    LOG(WARNING) << PodName(pod.config) << " has lost its port: " << why << LeftOut(*left_out);
  }
  ClosePod(pod);
  pod.why_down = why;
  pod.next_try = now + kPortRetry;
}

void Node::AnnouncePod(const PodConfig& pod, absl::Time now) {
  for (const Uplink& uplink : uplinks_) {
    if (!uplink.config->announce_pods) continue;
    for (const Ipv4Address& address : pod.addresses) announcer_.Announce(uplink.port, address, now);
  }
}

// --- Remote nodes. ---

absl::Status Node::ApplyNode(const RemoteNodeConfig* before, const RemoteNodeConfig* after,
                             absl::Time now) {
  const std::string& name = (before != nullptr ? before : after)->name;
  if (remote_nodes_.contains(name) != (before != nullptr)) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", name, before == nullptr ? " is there already" : " is not there"));
  }
  if (before == nullptr) return ComeNode(*after, now);
  if (after != nullptr) return ChangeNode(*before, *after, now);
  StopAsking(*before);
  remote_nodes_.erase(name);
  return owners_.Remove(NodeName(name));
}

absl::Status Node::ComeNode(const RemoteNodeConfig& node, absl::Time now) {
  const PortId uplink = UplinkNamed(node.uplink)->port;
  const std::string name = NodeName(node.name);
  if (node.underlay_address.has_value()) ForgetStranger(*node.underlay_address);
  absl::Status status =
      IsAskedFor(node)
          ? AddNeighbor(name, *node.underlay_address, uplink, /*is_configured=*/true, now)
          : owners_.Add(name, AdjacencyVia(uplink, NextHopKind::kNode, *node.virtual_mac));
  if (!status.ok()) return status;
  status = ClaimRanges(node);
  if (!status.ok()) {
    StopAsking(node);
    owners_.Remove(name).IgnoreError();
    return status;
  }
  remote_nodes_[node.name] = node;
  return absl::OkStatus();
}

absl::Status Node::ClaimRanges(const RemoteNodeConfig& node) {
  const std::string name = NodeName(node.name);
  ++generation_;
  absl::Status status;
  if (node.underlay_address.has_value()) {
    status.Update(owners_.Claim(name, Ipv4Prefix::Host(*node.underlay_address), generation_));
  }
  for (const Ipv4Prefix& range : node.pod_ranges) {
    status.Update(owners_.Claim(name, range, generation_));
  }
  return status;
}

absl::Status Node::ChangeNode(const RemoteNodeConfig& before, const RemoteNodeConfig& after,
                              absl::Time now) {
  const std::string name = NodeName(after.name);
  absl::Status status = MoveNode(before, after, now);
  if (!status.ok()) return status;
  status = ClaimRanges(after);
  if (before.underlay_address.has_value() && before.underlay_address != after.underlay_address) {
    status.Update(owners_.Release(name, Ipv4Prefix::Host(*before.underlay_address), generation_));
  }
  for (const Ipv4Prefix& range : before.pod_ranges) {
    if (!Has(after.pod_ranges, range)) status.Update(owners_.Release(name, range, generation_));
  }
  remote_nodes_[after.name] = after;
  return status;
}

// Everything that leads to the node leads to its new place.
absl::Status Node::MoveNode(const RemoteNodeConfig& before, const RemoteNodeConfig& after,
                            absl::Time now) {
  const bool stays = before.uplink == after.uplink && before.virtual_mac == after.virtual_mac &&
                     (!IsAskedFor(after) || before.underlay_address == after.underlay_address);
  if (stays) return absl::OkStatus();
  const PortId uplink = UplinkNamed(after.uplink)->port;
  const std::string name = NodeName(after.name);
  if (IsAskedFor(after) && IsAskedByAnother(*after.underlay_address, name)) {
    return absl::AlreadyExistsError(
        absl::StrCat(name, ": ", after.underlay_address->ToString(), " is asked for already"));
  }
  absl::Status status = owners_.Change(
      name, IsAskedFor(after) ? Adjacency{.port = uplink, .kind = NextHopKind::kUnresolved}
                              : AdjacencyVia(uplink, NextHopKind::kNode, *after.virtual_mac));
  if (!status.ok()) return status;
  StopAsking(before);
  if (after.underlay_address.has_value()) ForgetStranger(*after.underlay_address);
  if (IsAskedFor(after)) {
    CHECK(neighbors_.Add(*after.underlay_address, uplink, /*is_configured=*/true, now));
    neighbor_names_[*after.underlay_address] = name;
  }
  return absl::OkStatus();
}

bool Node::IsAskedByAnother(Ipv4Address address, const std::string& name) const {
  const auto neighbor = neighbors_.all().find(address);
  return neighbor != neighbors_.all().end() && neighbor->second.is_configured &&
         neighbor_names_.at(address) != name;
}

void Node::StopAsking(const RemoteNodeConfig& node) {
  if (!IsAskedFor(node)) return;
  neighbors_.Remove(*node.underlay_address);
  neighbor_names_.erase(*node.underlay_address);
}

// A host on the segment that the kernel has talked to, and that turns out to be a node.
void Node::ForgetStranger(Ipv4Address address) {
  const auto neighbor = neighbors_.all().find(address);
  if (neighbor == neighbors_.all().end() || neighbor->second.is_configured) return;
  owners_.Remove(neighbor_names_.at(address)).IgnoreError();
  neighbor_names_.erase(address);
  neighbors_.Remove(address);
}

}  // namespace podwarp
