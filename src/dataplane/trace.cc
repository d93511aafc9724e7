#include "podwarp/dataplane/trace.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "podwarp/dataplane/frame.h"

namespace podwarp {
namespace {

constexpr uint64_t kAtOnce = 64;

Rate RateOf(uint64_t per_second, std::optional<uint64_t> clock_hz) {
  return clock_hz.has_value() ? Rate(per_second, kAtOnce, *clock_hz) : Rate::Unlimited();
}

// Of a frame that nobody has checked yet. Zero where there is none.
struct Addresses {
  Ipv4Address source;
  Ipv4Address destination;
};
Addresses AddressesOf(rte_mbuf* frame) {
  const auto* ethernet = HeaderAt<EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return {};
  uint16_t ether_type = ethernet->ether_type.host();
  uint32_t offset = kEthernetHeaderBytes;
  if (ether_type == kEtherTypeVlan) {
    offset += sizeof(VlanTag);
    // The type of what is tagged stands where the Ethernet header would end, were it so much later.
    const auto* shifted = HeaderAt<EthernetHeader>(frame, sizeof(VlanTag));
    if (shifted == nullptr) return {};
    ether_type = shifted->ether_type.host();
  }
  if (ether_type == kEtherTypeIpv4) {
    const auto* ip = HeaderAt<Ipv4Header>(frame, offset);
    if (ip != nullptr) return {.source = ip->source, .destination = ip->destination};
  } else if (ether_type == kEtherTypeArp) {
    const auto* arp = HeaderAt<ArpHeader>(frame, offset);
    if (arp != nullptr) return {.source = arp->sender_ip, .destination = arp->target_ip};
  }
  return {};
}

}  // namespace

bool TraceFilter::MayMatch(PortId port, rte_mbuf* frame) const {
  if (ingress != kNoPort && port != ingress) return false;
  if (!pod.has_value() && !address.has_value()) return true;
  const Addresses its = AddressesOf(frame);
  if (address.has_value() && its.source != *address && its.destination != *address) return false;
  return !pod.has_value() || (port == pod->port && port != kNoPort) ||
         std::any_of(pod->addresses.begin(), pod->addresses.end(), [&](Ipv4Address its_own) {
           return its.source == its_own || its.destination == its_own;
         });
}

TraceSession::TraceSession(TraceFilter filter, uint16_t workers, std::optional<uint64_t> clock_hz)
    : filter_(std::move(filter)),
      rate_(RateOf(filter_.depends_on_end() ? kTriesPerSecond : kFramesPerSecond, clock_hz)),
      partial_rate_(RateOf(kFramesPerSecond, clock_hz)),
      workers_(workers) {}

bool TraceSession::Take(TraceRecord* record) {
  for (size_t i = 0; i < workers_.size(); ++i) {
    RecordRing& ring = workers_[next_].ring;
    next_ = (next_ + 1) % workers_.size();
    const std::span<const std::byte> bytes = ring.Peek();
    if (bytes.empty()) continue;
    std::memcpy(record, bytes.data(), bytes.size());
    ring.Release();
    return true;
  }
  return false;
}

uint64_t TraceSession::lost() const {
  uint64_t lost = 0;
  for (const PerWorker& worker : workers_) lost += worker.ring.lost();
  return lost;
}

}  // namespace podwarp
