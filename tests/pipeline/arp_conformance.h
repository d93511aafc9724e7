// ARP as the conformance tests write it. They ask what podwarp answers, rule by rule: the numbers
// are those of the README's chapter on ARP. Sources: RFC 826, RFC 1027 (proxy ARP), RFC 5227
// (conflict detection), RFC 9161 (EVPN proxy ARP).
//
// What the control thread makes of an event (announcements, keep-alives, generations: rules 8, 12
// and 14) is tested with it; here it counts as far as a frame shows it.
#pragma once

#include "pipeline/test_node.h"

namespace podwarp::test {

inline const MacAddress kEveryone = MacAddress::Broadcast();
inline const MacAddress kGroupMac = "01:00:5e:00:00:01"_mac;
inline const Ipv4Address kNobody = "0.0.0.0"_ip;

// "Who has `target`?" from one port's owner, as it usually comes: broadcast, 42 bytes.
inline Packet Ask(MacAddress mac, Ipv4Address ip, Ipv4Address target) {
  return Ethernet(kEveryone, mac) / Arp::Request(mac, ip, target);
}
inline Packet AAsks(Ipv4Address target) { return Ask(kMacA, kIpA, target); }
inline Packet AProbes(Ipv4Address target) {
  return Ethernet(kEveryone, kMacA) / Arp::Probe(kMacA, target);
}

// "`target` is at `our_mac`", byte for byte: to the asker alone, zeros up to 60 bytes.
inline Packet Reply(MacAddress our_mac, Ipv4Address target, MacAddress asker,
                    Ipv4Address asker_ip) {
  return (Ethernet(asker, our_mac) / Arp::Reply(our_mac, target, asker, asker_ip)).PadTo(60);
}
// What pod_a hears.
inline Outcome AHears(Ipv4Address target) {
  return Sends(kPodA, Reply(kGatewayMac, target, kMacA, kIpA));
}
inline Outcome AHearsOfProbe(Ipv4Address target) {
  return Sends(kPodA, Reply(kGatewayMac, target, kMacA, kNobody));
}

// The same on the trunk, where everything is tagged.
inline Packet Tagged(const Packet& arp, MacAddress to, MacAddress from,
                     uint16_t vlan = kTrunkVlan) {
  return Ethernet(to, from) / Vlan(vlan) / arp;
}
inline Packet TaggedReply(Ipv4Address target, MacAddress asker, Ipv4Address asker_ip) {
  return Tagged(Arp::Reply(kVirtualMac, target, asker, asker_ip), asker, kVirtualMac).PadTo(64);
}

class ArpConformance : public NodeTest {};

}  // namespace podwarp::test
