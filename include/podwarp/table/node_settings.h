// What workers must know about the node itself.
#pragma once

#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/adjacency_table.h"

namespace podwarp {

// Immutable once published; a change is a new object, swapped whole (Tables::settings).
struct NodeSettings {
  MacAddress virtual_mac;
  MacAddress gateway_mac;
  Ipv4Address gateway_address;
  // hairpin_mode promiscuous-arp: ARP is answered for every address of the cluster's ranges.
  bool promiscuous_arp = true;
  // hairpin_mode other than none: a frame may go back out of the pod port that it came in on.
  bool allow_hairpin = true;
  // The one adjacency of kind kService, to which the routes of all services' addresses lead;
  // kUnusedAdjacency while there is none.
  AdjacencyIndex services = kUnusedAdjacency;
  // The same of kind kExternalService.
  AdjacencyIndex external_services = kUnusedAdjacency;
  // Of kind kService too: external addresses that services had a moment ago, where callers are
  // still refused, but which may be on the wire by now: nobody answers ARP for them there.
  AdjacencyIndex former_services = kUnusedAdjacency;
  // To which the node's own addresses lead, who may have node ports: to the host port or, without
  // one, to podwarp itself.
  AdjacencyIndex node = kUnusedAdjacency;
  // Who calls from the wire seem to come from that go on to another node's backend: an address of
  // this node that the answer finds; 0.0.0.0 = there is none.
  Ipv4Address node_address;
  // Who a pod that is its own backend seems to be called by; 0.0.0.0 = nobody can be.
  Ipv4Address hairpin_address;
  // Where an address outside the cluster leads: for pods to the host port, where the kernel
  // masquerades; for the host port itself to an uplink's router. kNoAdjacency: nowhere.
  AdjacencyIndex external_from_pod = kNoAdjacency;
  AdjacencyIndex external_from_host = kNoAdjacency;
};

}  // namespace podwarp
