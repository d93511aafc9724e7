#include "control/node.h"

#include <glog/logging.h>
#include <rte_cycles.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/arp_frames.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

constexpr absl::Duration kPortCheck = absl::Milliseconds(200);
// Between checks because a port says that something changed: a guest could say so all day.
constexpr absl::Duration kPortCheckPause = absl::Milliseconds(20);

constexpr char kGateway[] = "gateway";
constexpr char kHost[] = "host";
constexpr char kRanges[] = "ranges";
constexpr char kReserved[] = "reserved";

// As the kernel has them, or would have them if there were a host port.
std::vector<Ipv4Address> OwnAddresses(const Config& config) {
  std::vector<Ipv4Address> addresses;
  if (config.host_port.has_value()) addresses.push_back(config.host_port->address);
  for (const UplinkConfig& uplink : config.uplinks) {
    if (uplink.address.has_value()) addresses.push_back(*uplink.address);
  }
  return addresses;
}

// The answer of another node's pod has to find it. What is of the node's pod ranges every node
// knows the way to that sends pods anything; an address on the wire only one that is told of it.
Ipv4Address AddressForCalls(const Config& config) {
  std::vector<Ipv4Address> addresses = OwnAddresses(config);
  std::erase_if(addresses, IsLinkLocal);  // every node may have that
  for (const Ipv4Address address : addresses) {
    for (const Ipv4Prefix& range : config.node_pod_ranges) {
      if (range.Contains(address)) return address;
    }
  }
  return addresses.empty() ? Ipv4Address() : addresses.back();
}

Services::Settings ServiceSettings(const Config& config) {
  return {.tsc_hz = rte_get_tsc_hz(),
          .node_name = config.node_name,
          .pod_ranges = config.node_pod_ranges,
          .addresses = OwnAddresses(config)};
}

}  // namespace

Node::Node(const Config* config, Tables* tables, PortFactory* ports, WorkerSet* workers,
           EventRing* events, rte_mempool* pool)
    : config_(*config),
      tables_(*tables),
      port_factory_(*ports),
      workers_(*workers),
      events_(*events),
      pool_(pool),
      hairpin_mode_(config->hairpin_mode),
      owners_(tables),
      services_(ServiceSettings(*config), tables, &owners_),
      announcer_(config->limits.announcements_per_second) {}

absl::Status Node::Start(absl::Time now) {
  absl::Status status = PublishRanges();
  if (status.ok()) status = OpenUplinks(now);
  if (status.ok()) status = OpenHostPort();
  if (status.ok()) status = PublishRouters(now);
  if (!status.ok()) return status;
  PublishSettings();
  for (const RemoteNodeConfig& node : config_.nodes) status.Update(ComeNode(node, now));
  for (const RouteConfig& route : config_.routes) status.Update(SetRoute(route));
  for (const ServiceConfig& service : config_.services) {
    status.Update(ApplyService(nullptr, &service, now));
  }
  for (const PodConfig& pod : config_.pods) ComePod(pod, now);
  return status;
}

absl::Status Node::PublishRanges() {
  absl::Status status = owners_.Add(kRanges, {.kind = NextHopKind::kUnowned});
  status.Update(owners_.Add(kReserved, {.kind = NextHopKind::kReserved}));
  status.Update(owners_.Add(kGateway, {.kind = NextHopKind::kLocal}));
  status.Update(services_.Start());
  for (const Ipv4Prefix& range : config_.pod_ranges) {
    status.Update(owners_.Claim(kRanges, range, generation_));
  }
  for (const Ipv4Prefix& range : config_.service_ranges) {
    status.Update(owners_.Claim(kRanges, range, generation_));
  }
  for (const Ipv4Address& address : config_.reserved_addresses) {
    status.Update(owners_.Claim(kReserved, Ipv4Prefix::Host(address), generation_));
  }
  status.Update(owners_.Claim(kGateway, Ipv4Prefix::Host(config_.gateway.address), generation_));
  return status;
}

absl::StatusOr<PortId> Node::AddPort(absl::StatusOr<std::unique_ptr<Port>> port) {
  if (!port.ok()) return port.status();
  absl::StatusOr<PortId> id = tables_.ports.Add(*std::move(port));
  if (!id.ok()) return id;
  totals_.Begin(*id, workers_);
  if (absl::Status status = workers_.Attach(*id); !status.ok()) {
    tables_.ports.Remove(*id);
    return status;
  }
  const Port& added = *tables_.ports.Get(*id);
  // A pod's is told of when it is up.
  const bool is_told = added.settings().role != PortRole::kPod || VLOG_IS_ON(1);
  LOG_IF(INFO, is_told) << "port " << added.settings().name << " is open: " << added.Driver()
                        << ", " << ToString(added.settings().role);
  return id;
}

absl::Status Node::OpenUplinks(absl::Time now) {
  for (const UplinkConfig& uplink : config_.uplinks) {
    const absl::StatusOr<PortId> port = AddPort(port_factory_.OpenUplink(uplink));
    if (!port.ok()) return port.status();
    uplinks_.push_back({*port, &uplink});
    announcer_.AddKeepAlive(*port, now);
    if (!uplink.address.has_value()) continue;
    announcer_.Announce(*port, *uplink.address, now);
    const std::string segment = absl::StrCat("segment of ", uplink.name);
    absl::Status status = owners_.Add(segment, {.port = *port, .kind = NextHopKind::kOnLink});
    status.Update(owners_.Claim(segment, *uplink.segment(), generation_));
    // The gateway answers for it, unless the kernel will.
    status.Update(owners_.Claim(kGateway, Ipv4Prefix::Host(*uplink.address), generation_));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Node::OpenHostPort() {
  if (!config_.host_port.has_value()) return absl::OkStatus();
  const absl::StatusOr<PortId> port = AddPort(port_factory_.OpenHostPort(*config_.host_port));
  if (!port.ok()) return port.status();
  host_port_ = *port;
  Pod kernel{
      .name = kHost, .mac = HostMac(config_), .addresses = OwnAddresses(config_), .is_host = true};
  absl::Status status =
      owners_.Add(kHost, {.destination = kernel.mac,
                          .source = config_.gateway.mac,
                          .port = host_port_,
                          .mtu_bytes = tables_.ports.Get(host_port_)->settings().mtu_bytes,
                          .kind = NextHopKind::kHost});
  for (const Ipv4Address& address : kernel.addresses) {
    status.Update(owners_.Claim(kHost, Ipv4Prefix::Host(address), generation_));
  }
  tables_.pods.Set(host_port_, std::move(kernel));
  return status;
}

absl::Status Node::PublishRouters(absl::Time now) {
  for (const Uplink& uplink : uplinks_) {
    if (!uplink.config->router.has_value()) continue;
    const std::string name = absl::StrCat("router ", uplink.config->router->ToString());
    absl::Status status = AddNeighbor(name, *uplink.config->router, uplink.port, true, now);
    if (!status.ok()) return status;
    if (router_name_.empty()) router_name_ = name;
  }
  return absl::OkStatus();
}

void Node::PublishSettings() {
  const AddressOwners::Owner* host = owners_.Find(kHost);
  const AddressOwners::Owner* gateway = owners_.Find(kGateway);
  const AddressOwners::Owner* router = owners_.Find(router_name_);
  NodeSettings settings{.virtual_mac = config_.virtual_mac,
                        .gateway_mac = config_.gateway.mac,
                        .gateway_address = config_.gateway.address,
                        .promiscuous_arp = hairpin_mode_ == HairpinMode::kPromiscuousArp,
                        .allow_hairpin = hairpin_mode_ != HairpinMode::kNone,
                        .services = services_.adjacency(),
                        .external_services = services_.external_adjacency(),
                        .former_services = services_.former_adjacency(),
                        .node = (host != nullptr ? host : gateway)->adjacency,
                        .node_address = AddressForCalls(config_),
                        .hairpin_address = config_.hairpin_address};
  if (router != nullptr) {
    settings.external_from_host = router->adjacency;
    settings.external_from_pod = router->adjacency;
  }
  if (host != nullptr) settings.external_from_pod = host->adjacency;
  tables_.SetSettings(settings);
}

void Node::Tick(absl::Time now) {
  Event event;
  // A flood of events must not keep the control thread from its other duties.
  for (unsigned i = 0; i < kEventRingSize && events_.Take(&event); ++i) Handle(event, now);
  const absl::Duration since = now - last_port_check_;
  if (since >= kPortCheck || (since >= kPortCheckPause && tables_.ports.TakeStateChange())) {
    CheckPorts(now);
    last_port_check_ = now;
  }
  services_.Tick(generation_, now);
  SendDue(now);
  tables_.rcu.Poll();
}

void Node::CheckPorts(absl::Time now) {
  for (const auto& [id, state] : tables_.ports.RefreshStates()) {
    PodRecord* pod = PodBehind(id);
    if (state.is_gone && pod != nullptr) {
      LosePod(*pod, state.why_down, now);
    } else {
      TellState(id, state, now);
    }
  }
  for (auto& [name, pod] : pods_) {
    if (pod.port == kNoPort && now >= pod.next_try) OpenPod(pod, now);
  }
}

void Node::TellState(PortId id, const PortState& state, absl::Time now) {
  Seen& seen = seen_[id];
  if (seen.why_down != state.why_down) {
    seen.why_down = state.why_down;
    ++seen.changes;
  }
  if (seen.changes == 0) return;
  std::string line = absl::StrCat("port ", tables_.ports.Get(id)->settings().name,
                                  state.up ? " is up" : " is down: ", state.why_down);
  if (!log_limit_.Take(line, now).has_value()) return;  // it is tried again
  if (state.up && !state.peer.empty()) absl::StrAppend(&line, ": ", state.peer);
  if (seen.changes > 1) {
    absl::StrAppend(&line, " (", seen.changes, " changes since its last line)");
  }
  if (state.up) {
    LOG(INFO) << line;
  } else {
    LOG(WARNING) << line;
  }
  seen.changes = 0;
}

void Node::SendDue(absl::Time now) {
  for (const Announcer::Due& due : announcer_.TakeDue(now)) {
    const Port& port = *tables_.ports.Get(due.port);
    const Ipv4Address own = port.settings().underlay_address;
    if (due.kind == Announcer::Due::kAnnounce) {
      Send(due.port, MakeArpAnnouncement(port, due.address, /*as_reply=*/false, pool_), now);
      Send(due.port, MakeArpAnnouncement(port, due.address, /*as_reply=*/true, pool_), now);
    } else {
      Send(due.port,
           own.is_zero() ? MakeKeepAlive(port, pool_)
                         : MakeArpAnnouncement(port, own, /*as_reply=*/false, pool_),
           now);
    }
  }
  const Neighbors::Actions actions = neighbors_.Due(now);
  for (const Neighbors::Request& request : actions.requests) {
    const Port& port = *tables_.ports.Get(request.uplink);
    Send(request.uplink, MakeArpRequest(port, request.address, request.to, pool_), now);
  }
  for (const Ipv4Address& address : actions.silent) TellSilence(address, now);
  for (const Ipv4Address& address : actions.gone) {
    VLOG(1) << neighbor_names_.at(address) << " does not answer any more, and is forgotten";
    owners_.Remove(neighbor_names_.at(address)).IgnoreError();
    neighbor_names_.erase(address);
  }
}

void Node::Send(PortId port, rte_mbuf* frame, absl::Time now) {
  if (frame != nullptr && workers_.Send(port, frame)) return;
  const std::string& name = tables_.ports.Get(port)->settings().name;
  if (const auto left_out = log_limit_.Take(absl::StrCat("own ARP by ", name), now)) {
    LOG(WARNING) << "port " << name << ": an ARP frame of podwarp's own could not be sent: "
                 << (frame == nullptr ? "no buffer is free" : "the worker is too busy")
                 << LeftOut(*left_out);
  }
}

void Node::Stop() {
  for (const PortId port : tables_.ports.Ids()) {
    tables_.pods.Remove(port);
    workers_.Detach(port);
    tables_.ports.Remove(port);
  }
  for (auto& [name, pod] : pods_) pod.port = kNoPort;
  tables_.rcu.Synchronize();
}

absl::Status Node::AddNeighbor(const std::string& name, Ipv4Address address, PortId uplink,
                               bool is_configured, absl::Time now) {
  if (!neighbors_.Add(address, uplink, is_configured, now)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name, ": ", address.ToString(), " is asked for already, or too many others"));
  }
  absl::Status status = owners_.Add(name, {.port = uplink, .kind = NextHopKind::kUnresolved});
  if (status.ok()) {
    status = owners_.Claim(name, Ipv4Prefix::Host(address), ++generation_);
    if (!status.ok()) owners_.Remove(name).IgnoreError();
  }
  if (!status.ok()) {
    neighbors_.Remove(address);
    return status;
  }
  neighbor_names_[address] = name;
  return absl::OkStatus();
}

Adjacency Node::AdjacencyVia(PortId uplink, NextHopKind kind, const MacAddress& mac) const {
  const PortSettings& port = tables_.ports.Get(uplink)->settings();
  return {.destination = mac,
          .source = port.router_mac,
          .port = uplink,
          .mtu_bytes = port.mtu_bytes,
          .vlan_id = port.vlan_id,
          .kind = kind};
}

std::optional<MacAddress> Node::MacOf(const RemoteNodeConfig& node) const {
  if (node.virtual_mac.has_value()) return node.virtual_mac;
  const auto neighbor = neighbors_.all().find(*node.underlay_address);
  return neighbor == neighbors_.all().end() ? std::nullopt : neighbor->second.mac;
}

Node::PodRecord* Node::PodBehind(PortId port) {
  const Pod* pod = tables_.pods.Get(port);
  if (pod == nullptr) return nullptr;
  const auto record = pods_.find(pod->name);
  return record == pods_.end() ? nullptr : &record->second;
}

const Node::Uplink* Node::UplinkNamed(const std::string& name) const {
  const auto uplink = std::find_if(uplinks_.begin(), uplinks_.end(),
                                   [&](const Uplink& u) { return u.config->name == name; });
  CHECK(uplink != uplinks_.end()) << name;  // the configuration was checked
  return &*uplink;
}

}  // namespace podwarp
