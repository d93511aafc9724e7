#include "control/drop_watch.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

struct Fault {
  DropReason reason;
  std::string_view what;
};

// What a port does, or what is behind it.
constexpr Fault kFaultsOfPorts[] = {
    {DropReason::kSpoofedMac, "sends from a MAC that isn't its own"},
    {DropReason::kSpoofedIp, "sends from addresses that aren't its own"},
    {DropReason::kArpSpoofedMac, "sends ARP from a MAC that isn't its own"},
    {DropReason::kArpSpoofedIp, "sends ARP from addresses that aren't its own"},
    {DropReason::kRarpSpoofed, "says of a MAC that isn't its own that it lives here now"},
    {DropReason::kArpRateLimited, "sends more ARP than limits.arp_per_second"},
    {DropReason::kDuplicateVirtualMac,
     "brings frames from this node's virtual MAC: a loop, or another node has it too"},
    {DropReason::kTransmitQueueFull, "takes frames more slowly than they come"},
};

constexpr Fault kFaultsOfNode[] = {
    {DropReason::kNoBuffer, "has too few buffers: memory.buffers says how many"},
    {DropReason::kConnectionTableFull,
     "has no room for more connections to services: connections.capacity says how many"},
    {DropReason::kServiceSourcePorts,
     "finds no free source port toward a backend, for a client with very many connections"},
};

// Of the connection table's capacity. It counts as full at 15/16.
constexpr double kMany = 7. / 8;
constexpr double kNotMany = 3. / 4;

// "37 frames dropped (spoofed_ip)"
std::string Dropped(uint64_t frames, DropReason reason) {
  return absl::StrCat(frames, frames == 1 ? " frame" : " frames", " dropped (",
                      std::string(Name(reason)), ")");
}

}  // namespace

DropWatch::DropWatch(const Node* node) : node_(*node), ports_(kMaxPorts) {}

void DropWatch::Tick(absl::Time now) {
  if (now < next_look_) return;
  next_look_ = now + kLook;
  MeetNewPorts();
  for (const auto& [reason, what] : kFaultsOfPorts) LookAtPorts(reason, what, now);
  for (const auto& [reason, what] : kFaultsOfNode) LookAtNode(reason, what, now);
  LookAtConnections();
}

void DropWatch::MeetNewPorts() {
  for (const PortId port : node_.tables().ports.Ids()) {
    Watched& watched = ports_[port];
    const std::string& name = node_.tables().ports.Get(port)->settings().name;
    if (watched.name == name) continue;
    watched.name = name;
    for (const Fault& fault : kFaultsOfPorts) {
      watched.told[static_cast<size_t>(fault.reason)] = Count(port, fault.reason);
    }
  }
}

void DropWatch::LookAtPorts(DropReason reason, std::string_view what, absl::Time now) {
  const auto index = static_cast<size_t>(reason);
  const uint64_t all = CountAll(reason);
  if (all == looked_[index]) return;  // nearly always
  bool is_all_told = true;
  for (const PortId id : node_.tables().ports.Ids()) {
    uint64_t& told = ports_[id].told[index];
    const uint64_t count = Count(id, reason);
    if (count == told) continue;
    const PortSettings& port = node_.tables().ports.Get(id)->settings();
    const std::string who = absl::StrCat(port.role == PortRole::kPod ? "pod " : "port ", port.name);
    if (!limit_.Take(absl::StrCat(who, " ", std::string(Name(reason))), now).has_value()) {
      is_all_told = false;
      continue;
    }
    LOG(WARNING) << who << " " << what << ": " << Dropped(count - told, reason);
    told = count;
  }
  if (is_all_told) looked_[index] = all;
}

void DropWatch::LookAtNode(DropReason reason, std::string_view what, absl::Time now) {
  uint64_t& told = told_[static_cast<size_t>(reason)];
  const uint64_t count = CountAll(reason);
  if (count == told || !limit_.Take(std::string(Name(reason)), now).has_value()) return;
  LOG(WARNING) << "node " << node_.config().node_name << " " << what << ": "
               << Dropped(count - told, reason);
  told = count;
}

void DropWatch::LookAtConnections() {
  const ConnectionTable& table = node_.tables().connections;
  const uint64_t in_use = table.statistics().in_use;
  const double share = static_cast<double>(in_use) / table.capacity();
  const bool are_many = share >= (are_connections_many_ ? kNotMany : kMany);
  if (are_many == are_connections_many_) return;
  are_connections_many_ = are_many;
  if (are_many) {
    LOG(WARNING) << "the connection table is nearly full: " << in_use << " of " << table.capacity()
                 << " connections to services; connections.capacity says how many there may be";
  } else {
    LOG(INFO) << "the connection table has room again: " << in_use << " of " << table.capacity()
              << " connections to services";
  }
}

uint64_t DropWatch::Count(PortId port, DropReason reason) const {
  uint64_t sum = 0;
  for (size_t i = 0; i < node_.workers().size(); ++i) {
    sum += node_.workers()[i].counters().DropsOf(port, reason).value();
  }
  return sum;
}

uint64_t DropWatch::CountAll(DropReason reason) const {
  uint64_t sum = 0;
  for (size_t i = 0; i < node_.workers().size(); ++i) {
    sum += node_.workers()[i].counters().drops[static_cast<size_t>(reason)].value();
  }
  return sum;
}

}  // namespace podwarp
