// What must hold between the values of a configuration.
//
// Each check adds a fault for whatever doesn't fit together, and passes over values that `faults`
// calls unusable.
#pragma once

#include "control/config.h"
#include "control/config_faults.h"

namespace podwarp {

// What one object must have or may not combine, whatever else there is; `key` is its own.
void CheckAlone(const PodConfig& pod, const std::string& key, ConfigFaults* faults);
void CheckAlone(const RemoteNodeConfig& remote, const std::string& key, ConfigFaults* faults);
void CheckAlone(const RouteConfig& route, const std::string& key, ConfigFaults* faults);
void CheckAlone(const ServiceConfig& service, const std::string& key, ConfigFaults* faults);

// How one object fits the node's own settings: the ranges and the segments its addresses belong to.
// The pods, nodes, routes and services of `settings` are not looked at.
void CheckFits(const Config& settings, const PodConfig& pod, const std::string& key,
               ConfigFaults* faults);
void CheckFits(const Config& settings, const RemoteNodeConfig& remote, const std::string& key,
               ConfigFaults* faults);
void CheckFits(const Config& settings, const RouteConfig& route, const std::string& key,
               ConfigFaults* faults);
void CheckFits(const Config& settings, const ServiceConfig& service, const std::string& key,
               ConfigFaults* faults);
// The node's uplink is one of the settings'. Says nothing where there are none.
void CheckUplink(const Config& settings, const RemoteNodeConfig& remote, const std::string& key,
                 ConfigFaults* faults);

// Names, addresses, MACs, devices, sockets, interfaces and cores that two claim.
void CheckUnique(const Config& config, ConfigFaults* faults);

// Ranges that overlap, and ranges and addresses that lie outside the range they belong to: all of
// CheckFits() too.
void CheckRanges(const Config& config, ConfigFaults* faults);

// Remote nodes and routes that name an uplink or a node which isn't there, or lack what is needed
// to reach them; vhost-user ports with keys that don't go together, and one too many of them. All
// of CheckAlone() and CheckUplink() too.
void CheckReferences(const Config& config, ConfigFaults* faults);

}  // namespace podwarp
