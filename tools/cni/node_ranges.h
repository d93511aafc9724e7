// The node's own ranges for the IPAM plugin `host-local`, so that one network configuration serves
// all nodes of a cluster.
#pragma once

#include <string>

#include "error.h"

namespace podwarp::cni {

// Whether `ipam` is host-local's without any range, and so for podwarp-cni to complete.
bool LacksRanges(const Json& ipam);

// The network configuration `config` with `ipam.ranges`: one set, all of podwarp's node_pod_ranges
// but the gateway's address, the host port's, the hairpin address and the reserved ones.
// `running` is podwarp's own configuration, /v1/config. Throws CniError 7 if it has no such range.
std::string WithNodeRanges(Json config, const Json& running);

// The same with a range that stands for any: all calls but ADD find an address by its container,
// but host-local wants a range in every call.
std::string WithAnyRange(Json config);

}  // namespace podwarp::cni
