// Why a frame dies: one list that gives the enum, the name in telemetry and metrics, and the help.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace podwarp {

// X(enumerator, name, help)
#define PODWARP_DROP_REASONS(X)                                                                    \
  /* Classify: Ethernet */                                                                         \
  X(kFrameTooShort, "frame_too_short", "shorter than an Ethernet header")                          \
  X(kNotForUs, "not_for_us", "unicast to a MAC that podwarp doesn't have on this port")            \
  X(kEthernetSourceInvalid, "ethernet_source_invalid", "source MAC is zero or a group address")    \
  X(kDuplicateVirtualMac, "duplicate_virtual_mac",                                                 \
    "came from the wire with this node's own virtual MAC: a loop, or another node has it too")     \
  X(kVlanNotCarried, "vlan_not_carried", "tagged, or not, otherwise than the port's VLAN")         \
  X(kVlanStacked, "vlan_stacked", "more than one VLAN tag")                                        \
  X(kEtherTypeUnknown, "ether_type_unknown", "neither IPv4 nor ARP")                               \
  X(kIpv6NotSupported, "ipv6_not_supported", "IPv6 is not forwarded yet")                          \
  X(kMulticast, "multicast", "IP or Ethernet multicast is not forwarded")                          \
  X(kBroadcast, "broadcast", "IP or Ethernet broadcast (DHCP among it) is not forwarded")          \
  /* Classify: IPv4, RFC 1812 5.2.2 and 5.3.7 */                                                   \
  X(kIpTruncated, "ip_truncated", "shorter than its IPv4 header says")                             \
  X(kIpHeaderSplit, "ip_header_split", "the headers don't lie in the first buffer segment")        \
  X(kIpVersion, "ip_version", "IPv4 EtherType with another IP version")                            \
  X(kIpHeaderLength, "ip_header_length", "IPv4 header length below 20 bytes or beyond the packet") \
  X(kIpChecksum, "ip_checksum", "IPv4 header checksum is wrong")                                   \
  X(kIpSourceRoute, "ip_source_route", "carries a source route option (RFC 7126)")                 \
  X(kIpSourceInvalid, "ip_source_invalid", "source address can't be a host's")                     \
  X(kIpDestinationInvalid, "ip_destination_invalid", "destination address can't be a host's")      \
  /* ARP: the numbers are those of the rules that the README's ARP chapter lists */                \
  X(kArpMalformed, "arp_malformed", "ARP frame too short, or not for Ethernet and IPv4")           \
  X(kArpSenderMacInvalid, "arp_sender_mac_invalid", "ARP sender MAC is zero or a group address")   \
  X(kArpSenderIpInvalid, "arp_sender_ip_invalid", "ARP sender IP can't be a host's")               \
  X(kArpTargetIpInvalid, "arp_target_ip_invalid", "ARP target IP is zero, multicast or broadcast") \
  X(kArpSourceMismatch, "arp_source_mismatch", "Ethernet source differs from ARP sender MAC")      \
  X(kArpOwnProbe, "arp_own_probe", "rule 2: probe for the pod's own address, left unanswered")     \
  X(kArpFreeProbe, "arp_free_probe", "rule 2: probe for an address nobody has, left unanswered")   \
  X(kArpConflict, "arp_conflict", "rule 3: claims an address that somebody else has")              \
  X(kArpOwnAddress, "arp_own_address", "rule 4: request for the pod's own address")                \
  X(kArpUnknownTarget, "arp_unknown_target", "rule 5: request for an address nobody has")          \
  X(kArpSpoofedMac, "arp_spoofed_mac", "rule 6: ARP from a MAC that isn't the port's")             \
  X(kArpSpoofedIp, "arp_spoofed_ip", "rule 6: ARP from an address that isn't the port's")          \
  X(kArpUnsolicitedReply, "arp_unsolicited_reply", "rule 7: ARP reply that nobody asked for")      \
  X(kRarpSpoofed, "rarp_spoofed", "rule 8: RARP for a MAC that isn't the port's")                  \
  X(kArpNotForUs, "arp_not_for_us", "rule 10: ARP to a unicast MAC that isn't podwarp's")          \
  X(kArpNotAnnounced, "arp_not_announced",                                                         \
    "rule 11: asked on an uplink for an address that podwarp doesn't answer for there")            \
  X(kArpRateLimited, "arp_rate_limited", "rule 13: more ARP than a port's share")                  \
  /* Source guard */                                                                               \
  X(kNoPodBehindPort, "no_pod_behind_port", "the port has no pod (yet, or any more)")              \
  X(kSpoofedMac, "spoofed_mac", "source MAC isn't the pod's")                                      \
  X(kSpoofedIp, "spoofed_ip", "source address isn't the pod's")                                    \
  /* Route and rewrite */                                                                          \
  X(kNoRoute, "no_route", "no route to the destination")                                           \
  X(kUnownedAddress, "unowned_address", "inside the cluster's ranges, but nobody has the address") \
  X(kNeighborUnresolved, "neighbor_unresolved", "the next hop hasn't answered ARP yet")            \
  X(kExternalFromUplink, "external_from_uplink",                                                   \
    "came from the wire for an address outside the cluster: podwarp is no open relay")             \
  X(kUplinkHairpin, "uplink_hairpin",                                                              \
    "would leave by the uplink it came from: late traffic for a pod that moved")                   \
  X(kHairpinOff, "hairpin_off",                                                                    \
    "would leave by the pod port it came from, and hairpin_mode is none")                          \
  X(kTtlExpired, "ttl_expired", "time to live used up")                                            \
  X(kMtuExceeded, "mtu_exceeded", "larger than the next hop's MTU and not to be fragmented")       \
  X(kFragmentationFailed, "fragmentation_failed", "could not be cut into fragments")               \
  /* Services */                                                                                   \
  X(kTransportTruncated, "transport_truncated",                                                    \
    "to a service, and its TCP, UDP or SCTP header is cut short or not in one piece")              \
  X(kServiceFragment, "service_fragment",                                                          \
    "fragment to a service whose first fragment hasn't come or is forgotten")                      \
  X(kServiceNoBackend, "service_no_backend", "to a service without a ready backend")               \
  X(kServiceNoLocalBackend, "service_no_local_backend",                                            \
    "to a service that is served by this node's backends only, and none of them is ready")         \
  X(kServiceSourceRange, "service_source_range",                                                   \
    "to a service's external address, from the wire and outside its source_ranges")                \
  X(kServiceNoNodeAddress, "service_no_node_address",                                              \
    "from the wire to a backend on another node, and the node has no address for the answer")      \
  X(kServiceNoPort, "service_no_port", "to a service's address, but to none of its ports")         \
  X(kServiceFromUplink, "service_from_uplink",                                                     \
    "to a service's address, from the wire: each node translates for its own pods")                \
  X(kServiceBackendGone, "service_backend_gone", "of a connection whose backend was removed")      \
  X(kServiceHairpinOff, "service_hairpin_off",                                                     \
    "to a service whose backend is the sender itself, and hairpin_mode is none")                   \
  X(kServiceHairpinAddress, "service_hairpin_address",                                             \
    "the same, and the node has no address that is not link-local to stand in for the sender's")   \
  X(kServiceNotConnected, "service_not_connected",                                                 \
    "to a service: a reset of a TCP connection that podwarp doesn't know")                         \
  X(kServiceSourcePorts, "service_source_ports",                                                   \
    "all source ports that were tried toward the backend are in use by the same client")           \
  X(kConnectionTableFull, "connection_table_full", "no room for another connection to a service")  \
  X(kSctpChecksum, "sctp_checksum",                                                                \
    "to or from a service by another port, with a wrong SCTP checksum, or in fragments")           \
  /* For podwarp itself */                                                                         \
  X(kLocalFragment, "local_fragment", "fragment addressed to the gateway")                         \
  X(kLocalIcmpInvalid, "local_icmp_invalid", "ICMP to the gateway, cut short or damaged")          \
  X(kLocalNotServed, "local_not_served", "addressed to the gateway, which serves only ping")       \
  /* Transmit */                                                                                   \
  X(kOffloadFailed, "offload_failed", "checksum or segmentation could not be done")                \
  X(kPortGone, "port_gone", "the next hop's port was removed")                                     \
  X(kPortDown, "port_down", "the next hop's port is down")                                         \
  X(kTransmitQueueFull, "transmit_queue_full", "the port's transmit queue was full")               \
  X(kNoBuffer, "no_buffer", "the buffer pool was empty")

enum class DropReason : uint8_t {
#define X(enumerator, name, help) enumerator,
  PODWARP_DROP_REASONS(X)
#undef X
};

#define X(enumerator, name, help) +1
inline constexpr size_t kDropReasons = 0 PODWARP_DROP_REASONS(X);
#undef X

// snake_case, the same in telemetry, metrics and command line.
std::string_view Name(DropReason reason);
std::string_view Help(DropReason reason);

}  // namespace podwarp
