#include "observe/explain.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "observe/explain_frames.h"
#include "observe/rehearsal.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

constexpr char kHost[] = "host";
constexpr uint16_t kFirstSourcePort = 49'152;  // RFC 6335: from here on for everybody

bool HasPorts(const FlowKey& flow) { return flow.protocol != kIpProtocolIcmp; }

absl::Status CheckFlow(const FlowKey& flow) {
  if (ShortestPacket(flow.protocol) == 0) {
    return absl::InvalidArgumentError("to: the protocol has to be tcp, udp, sctp or icmp");
  }
  if (HasPorts(flow) && flow.destination_port.host() == 0) {
    return absl::InvalidArgumentError("to: TCP, UDP and SCTP need a port");
  }
  if (!HasPorts(flow) && (flow.destination_port.host() != 0 || flow.source_port.host() != 0)) {
    return absl::InvalidArgumentError("to: ICMP has no ports");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint16_t> PacketBytes(const ExplainRequest& request) {
  const uint16_t shortest = ShortestPacket(request.flow.protocol);
  if (request.frame_bytes == 0) return shortest;
  if (request.frame_bytes < shortest ||
      request.frame_bytes > std::numeric_limits<uint16_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("bytes: ", request.frame_bytes, " is out of range (", shortest, " to ",
                     std::numeric_limits<uint16_t>::max(), ": of the IP packet)"));
  }
  return static_cast<uint16_t>(request.frame_bytes);
}

// As a tap's kernel has it: the range that the pod's address is of (platform/pod_interface.cc).
// What a virtual machine's has nobody here knows: mostly the same.
bool IsOnLink(const PodConfig& pod, const std::vector<Ipv4Prefix>& pod_ranges,
              Ipv4Address destination) {
  const auto* tap = std::get_if<TapPortConfig>(&pod.port);
  if (tap != nullptr && !tap->on_link) return false;
  return std::any_of(pod_ranges.begin(), pod_ranges.end(), [&](const Ipv4Prefix& range) {
    return range.Contains(destination) &&
           std::any_of(pod.addresses.begin(), pod.addresses.end(),
                       [&](Ipv4Address own) { return range.Contains(own); });
  });
}

bool Owns(const PodConfig& pod, Ipv4Address address) {
  return std::find(pod.addresses.begin(), pod.addresses.end(), address) != pod.addresses.end();
}

absl::Status NoBuffer() { return absl::ResourceExhaustedError("from: there is no free buffer"); }

}  // namespace

absl::StatusOr<Explanation> Explainer::Explain(const ExplainRequest& request) {
  if (absl::Status status = CheckFlow(request.flow); !status.ok()) return status;
  const absl::StatusOr<uint16_t> bytes = PacketBytes(request);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Sender> sender = FindSender(request.from);
  if (!sender.ok()) return sender.status();

  MadeUpPacket packet;
  packet.flow = request.flow;
  packet.time_to_live = request.time_to_live;
  packet.dont_fragment = request.dont_fragment;
  packet.bytes = *bytes;
  FlowKey& flow = packet.flow;
  if (flow.source.is_zero()) flow.source = sender->address;
  if (flow.source.is_zero()) {
    return absl::InvalidArgumentError(
        absl::StrCat("source: ", request.from, " needs one, since many can send there"));
  }
  if (HasPorts(flow) && flow.source_port.host() == 0) flow.source_port = FreePort(flow);
  const PortSettings& port = tables_.ports.Get(sender->port)->settings();
  if (port.role == PortRole::kUplink) sender->mac = MacOnWire(sender->port, flow.source);
  const MadeUpFrame frame{.to = port.router_mac, .from = sender->mac, .vlan_id = port.vlan_id};

  Explanation explanation;
  explanation.flow = flow;
  Rehearsal rehearsal(&tables_, pool_);
  if (sender->pod != nullptr && !Owns(*sender->pod, flow.destination)) {
    const Config& config = node_.config();
    const Ipv4Address next_hop = IsOnLink(*sender->pod, config.pod_ranges, flow.destination)
                                     ? flow.destination
                                     : config.gateway.address;
    rte_mbuf* arp = MakeUpArpRequest(frame, sender->address, next_hop, pool_);
    if (arp == nullptr) return NoBuffer();
    explanation.arp = rehearsal.Play(sender->port, arp);
  }
  rte_mbuf* made = MakeUpPacket(frame, packet, pool_);
  if (made == nullptr) return NoBuffer();
  explanation.frames = rehearsal.Play(sender->port, made);
  return explanation;
}

absl::StatusOr<Explainer::Sender> Explainer::FindSender(const std::string& from) const {
  Sender sender;
  if (from == kHost) {
    sender.port = FindPort("", PortRole::kHost);
    if (sender.port == kNoPort) return absl::NotFoundError("from: the node has no host port");
    const Pod& kernel = *tables_.pods.Get(sender.port);
    sender.mac = kernel.mac;
    sender.address = kernel.addresses.front();
    return sender;
  }
  if (from.find('/') != std::string::npos) return FindPod(from);
  sender.port = FindPort(from, PortRole::kUplink);
  if (sender.port == kNoPort) {
    return absl::NotFoundError(
        absl::StrCat("from: there is no uplink ", from,
                     " (expected a pod's namespace/name, host or an uplink)"));
  }
  return sender;
}

absl::StatusOr<Explainer::Sender> Explainer::FindPod(const std::string& name) const {
  const auto found = node_.pods().find(name);
  if (found == node_.pods().end()) {
    return absl::NotFoundError(absl::StrCat("from: there is no pod ", name, " on this node"));
  }
  const Node::PodRecord& pod = found->second;
  if (pod.port == kNoPort) {
    return absl::NotFoundError(absl::StrCat("from: pod ", name, " has no port: ", pod.why_down));
  }
  Sender sender;
  sender.port = pod.port;
  sender.mac = pod.config.mac;
  sender.address = pod.config.addresses.front();
  sender.pod = &pod.config;
  return sender;
}

PortId Explainer::FindPort(const std::string& name, PortRole role) const {
  for (const PortId id : tables_.ports.Ids()) {
    const PortSettings& port = tables_.ports.Get(id)->settings();
    if (port.role == role && (name.empty() || port.name == name)) return id;
  }
  return kNoPort;
}

// Of whom the address is known to be, else anybody's.
MacAddress Explainer::MacOnWire(PortId uplink, Ipv4Address address) const {
  const Adjacency& owner = tables_.adjacencies[tables_.routes.Lookup(address)];
  const bool is_known = owner.kind == NextHopKind::kNode || owner.kind == NextHopKind::kNeighbor;
  if (is_known && owner.port == uplink) return owner.destination;
  std::array<uint8_t, 6> bytes = tables_.ports.Get(uplink)->settings().router_mac.bytes();
  bytes[0] = 0x02;
  bytes[5] ^= 0xff;
  return MacAddress(bytes);
}

Be16 Explainer::FreePort(FlowKey flow) const {
  for (uint16_t port = kFirstSourcePort; port < std::numeric_limits<uint16_t>::max(); ++port) {
    flow.source_port = Be16(port);
    if (tables_.connections.Lookup(flow).connection == nullptr) break;
  }
  return flow.source_port;
}

}  // namespace podwarp
