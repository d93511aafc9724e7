// Where addresses and ranges lie: what the checks of a configuration have in common.
#pragma once

#include <string>
#include <vector>

#include "control/config_faults.h"
#include "podwarp/net/ip_prefix.h"

namespace podwarp {

// `address` is one that hosts of the range have. Ranges of 31 and 32 bits are all hosts, RFC 3021.
bool IsHostOf(const Ipv4Prefix& range, Ipv4Address address);

// What is wrong with an address of the range that isn't.
std::string NotAHost(Ipv4Address address, const Ipv4Prefix& range, const std::string& range_key,
                     const ConfigFaults& faults);

// What is at `key`, shown as `text`, lies in one of the list's ranges; else it is a fault. An empty
// list, or one with parts that can't be used, says nothing.
void CheckInside(const std::string& key, const Ipv4Prefix& inner, const std::string& text,
                 const std::string& list, const std::vector<Ipv4Prefix>& ranges,
                 ConfigFaults* faults);

}  // namespace podwarp
