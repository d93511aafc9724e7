// Who is behind ports and addresses, as traces call them: by the names that telemetry has.
//
// Thread rule: the control thread.
#pragma once

#include <string>

#include "control/node.h"

namespace podwarp {

// "default/web-1", "host" for the node's kernel; empty if nobody is behind the port.
std::string PodBehind(const Node& node, PortId port);
// "pod default/web-1", whose port is called alike; "port podwarp0 (host)", "port uplink0".
std::string PortText(const Node& node, PortId port);
// "pod default/web-1", "node node-b", "host": who has the address; empty if nobody of this kind has
// it (any more).
std::string OwnerText(const Node& node, Ipv4Address address, NextHopKind kind);

}  // namespace podwarp
